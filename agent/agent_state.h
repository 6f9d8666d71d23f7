/* What the agent's files share; nobody else includes it. */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/agent.h"
#include "agent/capture.h"
#include "agent/history.h"
#include "agent/snapshot_spill.h"
#include "agent/source.h"

enum { AGENT_AGAIN = 1 }; /* start over at once: the store is to be filled again */

struct agent {
    struct agent_options options;
    atomic_bool stop;

    pthread_mutex_t mutex; /* protects the two below */
    struct agent_status status;
    int socket; /* of the dump being read, -1 none */

    /* Everything below belongs to the thread in agent_run. */
    struct capture *capture;
    struct parents *parents; /* NULL: no table is left out */
    struct roots *roots;
    struct masker *masker;     /* NULL: values travel as they are, or not opened yet */
    struct db_endpoint lookup; /* of the source, for roots */
    struct history *history;   /* NULL: the source names columns */
    struct buf copied;         /* definitions of the tables of a copy, for the history */
    struct tracker *tracker;   /* incremental --tracker */
    struct dump dump;
    struct {
        bool pending;       /* a copy is put aside, until the stream is … */
        struct position at; /* … here */
        uint64_t request;
        struct spill spill;
        uint64_t again_ms; /* not to be tried before */
    } entering;
    char uuid[37];                  /* of this replica */
    uint32_t server_id;             /* of this replica once chosen */
    char source_id[80];             /* of the source that fills the spool */
    bool positioned;                /* the capture knows where the stream is */
    struct position replay_applied; /* the checkpoint that a range of files meets */
    bool refill; /* fill the store again from the applied position, whatever it holds */
    bool fresh;  /* the stream is a new one: nothing known from before counts */
    bool stop_resolved;
    bool time_bound; /* a position stands for the stop time */
    struct position source_at_connect;
    bool caught_up;     /* source_at_connect was reached */
    char log_file[512]; /* the file of its binlog last read, "" not known, and … */
    uint32_t log_begun; /* … when it was begun, seconds since 1970 by the source's clock */
    uint64_t last_flush_ms, last_request_ms, last_good_ms;
    bool heard;              /* the source has sent an event since … */
    uint64_t quiet_since_ms; /* … this, or was asked where it is then */
    unsigned failures;       /* connections in a row */
};

uint64_t agent_clock_ms(void); /* monotonic */
bool agent_stopping(const struct agent *a);
/* Sleep in small steps. DS_ESTOPPED when asked to stop. */
int agent_sleep(struct agent *a, uint64_t ms);
void agent_set_state(struct agent *a, enum agent_state state, const struct ds_error *why);
/* Publish counts and positions. */
int agent_publish(struct agent *a, bool at_end, struct ds_error *err);

/* agent_start.c: decide where the stream begins, on the connection a->dump; runs the snapshot. */
int agent_wait_applier(struct agent *a, struct ds_error *err);
int agent_start_stream(struct agent *a, struct ds_error *err);
/* The connection came back: to the same server? */
int agent_continue_stream(struct agent *a, struct ds_error *err);
int agent_capture_open(struct agent *a, const struct position *at, struct ds_error *err);
/* The masks, held against the source before anything is read. */
int agent_masker_open(struct agent *a, bool copies, struct ds_error *err);
/* agent_stream.c: read until the stop position (0), an error, AGENT_AGAIN. */
int agent_stream(struct agent *a, struct ds_error *err);
/* Everything so far becomes visible to the applier. */
int agent_flush(struct agent *a, struct ds_error *err);
int agent_serve_requests(struct agent *a, struct ds_error *err);
/* agent_log.c: is it still the binlog that was followed? DS_EPOSITION: it is not. */
/* The stream begins anew; begins where the store or the checkpoint say. */
int agent_log_forget(struct agent *a, struct ds_error *err);
int agent_log_recall(struct agent *a, struct ds_error *err);
/* Before the dump is opened: by the head of the file that was read last. Connects. */
int agent_log_check(struct agent *a, struct ds_error *err);
/* After each event that the capture has taken. */
int agent_log_read(struct agent *a, struct slice event, struct ds_error *err);
/* While the source sends nothing: asks it now and then. */
int agent_log_ask(struct agent *a, struct ds_error *err);
/* agent_enter.c */
/* Copy what the request asks for, and put it aside. 0 without `pending`: not now. */
int enter_read(struct agent *a, char *request, uint64_t number, struct ds_error *err);
/* Hand it out, if the stream is where it belongs. */
int enter_put(struct agent *a, struct ds_error *err);
void enter_forget(struct agent *a);
/* agent.c: the end is here, instead. */
int agent_move_stop(struct agent *a, const struct position *stop, struct ds_error *err);
/* agent.c: wait before the next try, why the last one failed: `rc`, which is returned when
 * connect_timeout is over. */
int agent_back_off(struct agent *a, int rc, const struct ds_error *why);
/* agent_copy.c */
int copy_entities(struct agent *a, struct ds_error *err);
/* The same for all, as of where the stream is to begin. */
int copy_before_stream(struct agent *a, uint32_t number, struct position *end,
                       struct ds_error *err);
/* replay.c */
int replay_files(struct agent *a, struct ds_error *err);
/* Position the stream at the start of a range, on the connection a->dump. */
int replay_start(struct agent *a, struct ds_error *err);

#endif
