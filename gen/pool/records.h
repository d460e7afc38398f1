/* Completions that come as data although text was asked for: JSON (objects, lists, a line an object, in a fence or behind a
 * sentence), Markdown tables, tags (<review>...</review>). What is one of them is read into records, from which the texts and
 * the label are picked by the names that they have; what only looks like one is told of. Anything else is text.
 *
 * JSON is read as models write it, too: single quotes, commas before a closing bracket, line breaks inside of strings,
 * Python's True. Local, pure; memory and time grow with the length, which the caller limits. */
#ifndef SG_GEN_POOL_RECORDS_H
#define SG_GEN_POOL_RECORDS_H

#include "gen/pool/task.h"

#include <jansson.h>

/* An array of objects, one an example, whose members are strings (json_decref). NULL: s is text, or, with *broken 1, JSON that
 * does not end or that cannot be read. s: cleaned (gen/pool/clean.h). */
json_t *sg_records_read(const struct sg_task *t, const char *s, int *broken);

/* What a record holds: borrowed from it. */
struct sg_record {
    const char *first, *second; /* NULL: not there, or it cannot be told which one it is */
    const char *label;          /* what it says of its class; NULL: nothing */
    int class_;                 /* which class that is, -1: none */
    const char
        *text; /* the only member that is called a text of some kind, or can be one; NULL: none, or several */
    const char *probability; /* what it says of it; NULL: nothing */
};
struct sg_record sg_record_pick(const struct sg_task *t, const json_t *record);

/* Its probability as a number (gen/pool/parse_verbal.h); NaN: not known. */
double sg_record_probability(const struct sg_record *r);

/* The whole objects in JSON that as a whole cannot be read: cut, or broken elsewhere. NULL: there is none. */
json_t *sg_records_salvage(const struct sg_task *t, const char *s);

#endif
