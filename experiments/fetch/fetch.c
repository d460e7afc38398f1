#include "experiments/fetch/fetch.h"

#include "base/child.h"
#include "base/file.h"
#include "base/hub.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/tell.h"
#include "base/text.h"
#include "experiments/fetch/fetch_impl.h"
#include "experiments/study/paths.h"
#include "model/families.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

enum { MAX_VARIABLES = 400 };

/* The name alone says that it holds a secret, and neither pip nor the Hub's client needs it. The three name a file, a way, and whether. */
static int is_secret(const char *variable, size_t n)
{
    static const char *const word[] = {"TOKEN", "KEY", "PASSWORD", "SECRET"};
    static const char *const harmless[] = {
        "HF_TOKEN_PATH=", "HF_HUB_DISABLE_IMPLICIT_TOKEN=", "PIP_KEYRING_PROVIDER="};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strncmp(variable, harmless[i], strlen(harmless[i])) == 0)
            return 0;
    for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
        const char *at = strstr(variable, word[i]);
        if (at && (size_t)(at - variable) < n)
            return 1;
    }
    return 0;
}

/* Whether a variable, NAME=value, goes to the program: what Python, pip, the network and the Hub's client need. No key of an LLM, and not HF_TOKEN, which
 * goes another way. A proxy's password and that of pip's index, which are part of their addresses (HTTPS_PROXY, PIP_INDEX_URL), go with them. */
static int is_passed(const char *variable)
{
    static const char *const name[] = {"PATH",
                                       "HOME",
                                       "USER",
                                       "LOGNAME",
                                       "TMPDIR",
                                       "LD_LIBRARY_PATH",
                                       "SSL_CERT_FILE",
                                       "SSL_CERT_DIR",
                                       "REQUESTS_CA_BUNDLE",
                                       "CURL_CA_BUNDLE",
                                       "XDG_CACHE_HOME",
                                       "XDG_CONFIG_HOME",
                                       "http_proxy",
                                       "https_proxy",
                                       "all_proxy",
                                       "no_proxy",
                                       "HTTP_PROXY",
                                       "HTTPS_PROXY",
                                       "ALL_PROXY",
                                       "NO_PROXY",
                                       "HUGGINGFACE_HUB_CACHE",
                                       "TRANSFORMERS_OFFLINE",
                                       "PYTHONPATH",
                                       "PYTHONHOME",
                                       "VIRTUAL_ENV",
                                       NULL};
    static const char *const beginning[] = {"HF_*", "PIP_*", NULL};
    return sg_child_is_one_of(variable, name) ||
           (sg_child_is_one_of(variable, beginning) && !is_secret(variable, strcspn(variable, "=")));
}

struct hearing {
    json_t *done;
    char failure[sizeof((struct sg_err *)0)->text];
    int code;
};

static void hear(void *arg, const char *text)
{
    struct hearing *h = arg;
    json_t *o = json_loads(text, 0, NULL);
    const char *say = sg_json_text_or(o, "say", NULL), *progress = sg_json_text_or(o, "progress", NULL),
               *fail = sg_json_text_or(o, "fail", NULL);
    json_t *done = json_object_get(o, "done");
    if (progress)
        sg_tell_progress(progress, 0);
    else if (say)
        sg_tell_sentence(say);
    else if (fail) {
        snprintf(h->failure, sizeof h->failure, "%s", fail);
        h->code = (int)sg_json_int_or(o, "code", SG_FAILED);
    } else if (json_is_object(done)) {
        json_decref(h->done);
        h->done = json_incref(done);
    }
    json_decref(o);
}

static sg_status talk(const char *python, const char *program, const char *kind, const char *request,
                      struct hearing *h, struct sg_err *err)
{
    const char *const argv[] = {python, "-B", program, kind, NULL};
    const char *environment[MAX_VARIABLES + 3];

    int n = 0, code = 0;
    for (char **v = environ; *v && n < MAX_VARIABLES; v++)
        if (is_passed(*v))
            environment[n++] = *v;
    environment[n++] = "LC_ALL=C.UTF-8";
    environment[n++] = "HF_HUB_DISABLE_PROGRESS_BARS=1";
    environment[n] = NULL;
    SG_TRY(sg_child_talk(argv, environment, request, strlen(request), hear, h, &code, err));
    if (sg_tell_is_terminal())
        sg_tell_progress("", 0);
    if (h->failure[0])
        return sg_fail(err, h->code == SG_INPUT ? SG_INPUT : SG_FAILED, "%s", h->failure);
    if (code || !h->done)
        return sg_fail(err, SG_FAILED,
                       "%s %s ended with exit code %d and no answer; hint: what it said is above", python,
                       program, code);
    return SG_OK;
}

sg_status sg_fetch_ask(const char *kind, json_t *request, json_t **done, struct sg_err *err)
{
    const char *token = NULL, *python = getenv("SYNTHGRID_PYTHON");
    char *program = NULL, *text = NULL;
    struct hearing h = {0};
    sg_status status = request ? SG_OK : sg_fail_memory(err, 256);
    if (status == SG_OK && getenv("HF_TOKEN") && !getenv("HF_TOKEN")[0])
        unsetenv("HF_TOKEN"); /* as the Hub's client: an empty one is none */
    if (status == SG_OK)
        status = sg_secret_take("HF_TOKEN", &token, err);
    python = python && python[0] ? python : "python3";
    if (status == SG_OK && !strchr(python, '/') && !sg_child_exists(python))
        status = sg_fail(
            err, SG_INPUT,
            "%s, which fetches from the Hub, is not on $PATH; hint: install it, load its module, or set "
            "SYNTHGRID_PYTHON to one of 3.9 or newer",
            python);
    if (status == SG_OK &&
        (json_object_set_new(request, "token", token ? json_string(token) : json_null()) != 0 ||
         json_object_set_new(request, "terminal", json_boolean(sg_tell_is_terminal())) != 0 ||
         !(program = sg_path_helper("fetch/fetch.py")) || !(text = json_dumps(request, JSON_COMPACT))))
        status = sg_fail_memory(err, 256);
    if (status == SG_OK && !sg_file_exists(program))
        status =
            sg_fail(err, SG_INPUT, "%s is not there; hint: it is installed by `cmake --install`", program);
    if (status == SG_OK)
        status = talk(python, program, kind, text, &h, err);
    if (status == SG_OK)
        *done = h.done;
    else
        json_decref(h.done);
    if (text) {
        sg_redact(text);
        free(text);
    }
    json_decref(request);
    sg_free(program);
    return status;
}

static json_t *families(void)
{
    json_t *list = json_array();
    const struct sg_family *f;
    for (int i = 0; list && (f = sg_family_at(i)); i++)
        json_array_append_new(list, json_string(f->model_type));
    return list;
}

/* What came of it, on standard error; the folder, which programs read, on standard output. */
static void tell_model(const char *name, const json_t *done)
{
    const char *commit = sg_json_text_or(done, "commit", ""),
               *licence = sg_json_text_or(done, "licence", NULL);
    double mb = sg_json_number_or(done, "bytes", 0) / 1e6;
    if (json_is_true(json_object_get(done, "kept")))
        sg_tell(
            "synthgrid: %s is there at %.12s: %lld files, %.0f MB, whole; nobody was asked (--update asks)",
            name, commit, (long long)sg_json_int_or(done, "files", 0), mb);
    else
        sg_tell(
            "synthgrid: %s at commit %s: %lld files, %.0f MB, of which %.0f MB came in %.2f s; licence: %s",
            name, commit, (long long)sg_json_int_or(done, "files", 0), mb,
            sg_json_number_or(done, "fetched", 0) / 1e6, sg_json_number_or(done, "seconds", 0),
            licence ? licence : "not stated");
    sg_tell("synthgrid: use it with train.encoder=%s, or as --encoder", name);
    sg_tell_result("%s", sg_json_text_or(done, "path", ""));
}

sg_status sg_fetch_model(const char *name, const struct sg_fetch_options *o, struct sg_err *err)
{
    struct sg_hub_name hub;
    json_t *done = NULL;
    if (!sg_hub_name_parse(name, &hub))
        return sg_fail(err, SG_INPUT,
                       "\"%.100s\" is no name on the Hub; hint: owner/name, as FacebookAI/roberta-base, or "
                       "owner/name@revision",
                       name);
    SG_TRY(sg_fetch_ask("model",
                        json_pack("{s:s,s:s?,s:b,s:o}", "repo", hub.repo, "revision",
                                  hub.revision[0] ? hub.revision : NULL, "update", o->update, "families",
                                  families()),
                        &done, err));
    tell_model(name, done);
    json_decref(done);
    return SG_OK;
}
