/* Shared by the files of this room: one request to fetch/fetch.py.
 *
 *     {"repo": "owner/name", "revision": null or text, "token": null or text, "terminal": bool, "update": bool,
 *      model: "families": ["bert", ...]
 *      data:  "config": null or text, "splits": {"train": split, "test": split}, "scratch": folder for its files}
 *
 * Its answer, `done`:
 *     model: {"path", "commit", "kept": whether nobody was asked, "files", "bytes", "fetched": bytes that came, "seconds", "licence"}
 *     data:  {"commit", "fetched", "seconds", "licence", "rows": {"train": file, "test": file}, "files": [{"path", "digest", "bytes"}]} */
#ifndef SG_EXPERIMENTS_FETCH_FETCH_IMPL_H
#define SG_EXPERIMENTS_FETCH_FETCH_IMPL_H

#include "base/err.h"

#include <jansson.h>

/* Local. kind: "model" or "data". Takes the request (NULL: no memory), and adds what all have: token, terminal. *done: json_decref it. Says what the program
 * says; its failure is ours. */
sg_status sg_fetch_ask(const char *kind, json_t *request, json_t **done, struct sg_err *err) SG_MUST_USE;

#endif
