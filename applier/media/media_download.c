/* Several downloads at once.
 *
 * Each of images.parallel slots has one file at a time: it is tried at each place where it may be,
 * and again where a failure may pass. What came of a file is kept, so that the next attempt, of
 * this run or a later one, goes on there (media_transfer.c). A server that cannot be reached is
 * given up for the rest of the round after some attempts in a row; so is one that never answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "applier/media/media_internal.h"

#ifdef HAVE_CURL

#include "applier/media/media_transfer.h"

enum { POLL_MS = 200, UNREACHABLE_ROW = 8, HOSTS = 64 };

struct slot {
    struct transfer t;
    bool used, running;
    uint64_t not_before; /* ms, of the next attempt */
};

struct host {
    uint64_t hash;
    unsigned unreachable; /* attempts in a row */
};

struct round {
    struct media *m;
    CURLM *multi;
    struct slot *slots;
    unsigned slot_count;
    const struct media_file *const *files;
    size_t count, next;
    struct host hosts[HOSTS]; /* a new one takes the place of that which answers best */
};

bool media_can_download(void)
{
    return true;
}

int media_download_init(struct ds_error *err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT)
               ? error_set(err, DS_EIO, "libcurl cannot be started")
               : 0;
}

void media_download_end(void)
{
    curl_global_cleanup();
}

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void give_up(struct round *r, struct slot *s, const char *why)
{
    media_missing(r->m, s->t.file, why);
    transfer_end(&s->t);
    s->used = false;
}

static struct host *host_of(struct round *r, const struct transfer *t)
{
    const uint64_t hash = XXH3_64bits(t->host, strlen(t->host));
    struct host *best = r->hosts;
    for (size_t i = 0; i < HOSTS; i++) {
        if (r->hosts[i].hash == hash)
            return &r->hosts[i];
        if (r->hosts[i].unreachable < best->unreachable)
            best = &r->hosts[i];
    }
    *best = (struct host){.hash = hash};
    return best;
}

/* Begin an attempt at where the file may be now. */
static int start(struct round *r, struct slot *s, struct ds_error *err)
{
    struct ds_error why = {0};
    int rc = transfer_prepare(&s->t, &why);
    if (rc == DS_ENOMEM || rc == DS_EFULL) {
        *err = why;
        return rc;
    }
    if (rc) {
        give_up(r, s, why.message);
        return 0;
    }
    if (host_of(r, &s->t)->unreachable >= UNREACHABLE_ROW) {
        give_up(r, s, "its server could not be reached for others before it");
        return 0;
    }
    if (curl_multi_add_handle(r->multi, s->t.easy))
        return error_set(err, DS_ENOMEM, "out of memory for a download");
    s->running = true;
    return 0;
}

static int ended(struct round *r, struct slot *s, CURLcode code, struct ds_error *err)
{
    struct ds_error why = {0};
    curl_multi_remove_handle(r->multi, s->t.easy);
    s->running = false;
    enum transfer_result result = transfer_judge(&s->t, code, &why);
    struct host *h = host_of(r, &s->t);
    h->unreachable = result == TRANSFER_UNREACHABLE ? h->unreachable + 1 : 0;
    switch (result) {
    case TRANSFER_DONE:
        r->m->counts.downloaded++;
        transfer_end(&s->t);
        s->used = false;
        break;
    case TRANSFER_ELSEWHERE:
        s->not_before = 0;
        break;
    case TRANSFER_AGAIN:
    case TRANSFER_UNREACHABLE:
        if (transfer_may_try(&s->t))
            s->not_before = now_ms() + s->t.pause_ms;
        else
            give_up(r, s, why.message);
        break;
    case TRANSFER_REFUSED:
        give_up(r, s, why.message);
        break;
    case TRANSFER_BROKEN:
        *err = why;
        return why.code;
    }
    return 0;
}

static struct slot *slot_of(struct round *r, const CURL *easy)
{
    for (unsigned i = 0; i < r->slot_count; i++)
        if (r->slots[i].running && r->slots[i].t.easy == easy)
            return &r->slots[i];
    return NULL;
}

/* *any: there were some, whose slots are free. */
static int take_ended(struct round *r, bool *any, struct ds_error *err)
{
    int left, rc = 0;
    *any = false;
    for (CURLMsg *msg; rc == 0 && (msg = curl_multi_info_read(r->multi, &left));) {
        struct slot *s = msg->msg == CURLMSG_DONE ? slot_of(r, msg->easy_handle) : NULL;
        if (!s)
            continue;
        *any = true;
        rc = ended(r, s, msg->data.result, err);
    }
    return rc;
}

/* Fill free slots and begin what is due. *any: something is still to be done. */
static int start_due(struct round *r, bool *any, struct ds_error *err)
{
    uint64_t now = now_ms();
    int rc = 0;
    *any = r->next < r->count;
    for (unsigned i = 0; i < r->slot_count && rc == 0; i++) {
        struct slot *s = &r->slots[i];
        do {
            if (!s->used && r->next < r->count) {
                rc = transfer_begin(&s->t, r->m, r->files[r->next++], err);
                s->used = rc == 0;
                s->not_before = 0;
            }
            if (rc == 0 && s->used && !s->running && s->not_before <= now)
                rc = start(r, s, err);
        } while (rc == 0 && !s->used && r->next < r->count); /* it was given up at once */
        *any |= s->used;
    }
    *any |= r->next < r->count;
    return rc;
}

static int run(struct round *r, struct ds_error *err)
{
    bool any = true, free_slots;
    int running, rc = 0;
    while (rc == 0) {
        rc = start_due(r, &any, err);
        if (rc || !any)
            break;
        CURLMcode code = curl_multi_perform(r->multi, &running);
        rc = take_ended(r, &free_slots, err);
        if (rc)
            break;
        if (code == CURLM_OK && !free_slots)
            code = curl_multi_poll(r->multi, NULL, 0, running ? POLL_MS : POLL_MS / 4, NULL);
        if (code != CURLM_OK)
            rc = error_set(err, DS_EIO, "downloading images: %s", curl_multi_strerror(code));
        else if (media_stopped(r->m))
            rc = error_set(err, DS_ESTOPPED, "asked to stop");
    }
    return rc;
}

int media_download(struct media *m, const struct media_file *const *files, size_t count,
                   struct ds_error *err)
{
    struct round r = {.m = m, .files = files, .count = count};
    unsigned most = m->config->images_parallel;
    r.slot_count = count < most ? (unsigned)count : most;
    r.slots = calloc(r.slot_count, sizeof *r.slots);
    r.multi = curl_multi_init();
    int rc = r.slots && r.multi ? run(&r, err)
                                : error_set(err, DS_ENOMEM, "out of memory for downloads");
    for (unsigned i = 0; r.slots && i < r.slot_count; i++) {
        if (r.slots[i].running)
            curl_multi_remove_handle(r.multi, r.slots[i].t.easy);
        transfer_end(&r.slots[i].t);
        transfer_free(&r.slots[i].t);
    }
    curl_multi_cleanup(r.multi);
    free(r.slots);
    return rc;
}

#else

bool media_can_download(void)
{
    return false;
}

int media_download_init(struct ds_error *err)
{
    (void)err;
    return 0;
}

void media_download_end(void)
{
}

int media_download(struct media *m, const struct media_file *const *files, size_t count,
                   struct ds_error *err)
{
    (void)err;
    for (size_t i = 0; i < count; i++)
        media_missing(m, files[i], "this datasync was built without libcurl (-Dcurl)");
    return 0;
}

#endif
