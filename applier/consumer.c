/* Where reading the spool begins: whether what is there is of this stream. */
#include <string.h>

#include "applier/apply.h"
#include "schema/log.h"

/* What was masked by other rules is read again, and a copy of entities that was not finished, from
 * its beginning. Without a checkpoint, what an earlier stream has
 * left in the spool is none of ours, nor does the stream go on where that one stood: the agent is
 * asked to start anew (with the checkpoint: what it does before goes by an older one), and
 * everything before that is passed over. Nor is it part of a range, whose
 * agent always starts anew. */
static int refuse_old_stream(struct applier *a, struct ds_error *err)
{
    struct spool_state st;
    int rc = spool_state_get(a->options.spool, &st, err);
    if (rc)
        return rc;
    a->await_restart = st.first_seq != st.next_seq ||
                       (!a->options.range && !a->cp.found && !position_empty(&st.applied));
    a->resets = st.resets;
    spool_state_free(&st);
    return 0;
}

/* Has the agent begun anew? When it opens the store it only cuts it back to what is whole. */
static int look_for_restart(struct applier *a, struct ds_error *err)
{
    struct spool_state st;
    int rc = spool_state_get(a->options.spool, &st, err);
    if (rc)
        return rc;
    a->await_restart = st.resets == a->resets;
    spool_state_free(&st);
    return 0;
}

/* What the store holds does not follow the checkpoint: nothing of it is taken until the agent has
 * begun anew there. */
static int refuse_stored(struct applier *a, const struct spool_state *st, const char *why,
                         struct ds_error *err)
{
    log_info("%s: the agent is asked to begin again at the checkpoint", why);
    a->await_restart = true;
    a->resets = st->resets;
    return spool_request(a->options.spool, "refetch", err);
}

/* An agent that was started while none of ours ran goes by what was posted last, which may be older
 * than the checkpoint: that there is none, if we died when a copy's end was committed. It has made
 * another copy then, and what the source wrote between the two is in neither what is applied nor in
 * what follows. */
int consumer_refuse_copy(struct applier *a, struct ds_error *err)
{
    struct spool_state st;
    int rc = spool_state_get(a->options.spool, &st, err);
    if (rc)
        return rc;
    rc = refuse_stored(a, &st, "the agent has made a copy that is not needed", err);
    spool_state_free(&st);
    rc = rc ? rc : gather_restart(a, err);
    return rc ? rc : DS_EAGAIN;
}

/* A destination that comes back from a backup, while the agent goes on. What is left of a copy that
 * was trimmed as it came says at its end as of when it is. */
static int look_for_gap(struct applier *a, const struct position *applied, struct ds_error *err)
{
    struct spool_state st;
    int rc = spool_state_get(a->options.spool, &st, err);
    if (rc == 0 && position_of_copy(&st.base) && !position_of_copy(applied))
        a->copy_passed = true;
    else if (rc == 0 && !position_reached(&st.base, applied))
        rc = refuse_stored(a, &st, "the spool begins behind the checkpoint", err);
    spool_state_free(&st);
    return rc;
}

int consumer_pass_over(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf ignored = {0};
    uint64_t seq;
    bool at_end;
    int rc = spool_read(a->options.spool, &ignored, &seq, &at_end, err);
    if (rc == DS_EPOSITION) {
        int failed = look_for_restart(a, err);
        return failed || a->await_restart ? failed : rc;
    }
    return rc ? rc : spool_trim(a->options.spool, seq, NULL, err);
}

/* An import of other entities than the last time: what is stored lacks theirs. No agent has such a
 * filter as is posted meanwhile, and a run that ends here leaves the next one to do this again. */
static int read_anew(struct applier *a, bool *done, struct ds_error *err)
{
    BUF_AUTO struct buf posted = {0};
    *done = false;
    if (!a->import || a->options.range)
        return 0;
    int rc = spool_posted(a->options.spool, SPOOL_NOTE_FILTER, &posted, err);
    if (rc || !posted.len || strcmp(a->chosen, buf_cstr(&posted)) == 0)
        return rc;
    *done = true;
    rc = spool_post(a->options.spool, SPOOL_NOTE_FILTER, "to be read anew", err);
    return rc ? rc : refuse_old_stream(a, err);
}

static int post_checkpoint(struct applier *a, const struct position *applied, struct ds_error *err)
{
    return a->await_restart && !a->options.range
               ? spool_consumer_open_anew(a->options.spool, applied, &a->resets, err)
               : spool_consumer_open(a->options.spool, applied, err);
}

/* Tell the agent where we are. Once: the spool stays open over lost connections. */
int consumer_open(struct applier *a, struct ds_error *err)
{
    struct position applied = {0};
    bool anew = false;
    int rc = a->cp.found ? checkpoint_position(&a->cp, &applied, err) : 0;
    rc = rc ? rc : read_anew(a, &anew, err);
    if (rc == 0)
        rc = crossing_post(a, err);
    /* What is left of a copy of entities refers to definitions that went with its beginning. */
    if (rc == 0 && !anew &&
        (!a->cp.found || a->options.range || a->mask_differs || position_of_copy(&applied)))
        rc = refuse_old_stream(a, err);
    if (rc == 0)
        rc = post_checkpoint(a, a->cp.found ? &applied : NULL, err);
    if (rc == 0 && a->await_restart) /* or it has begun anew meanwhile: then what is there is new */
        rc = look_for_restart(a, err);
    if (rc == 0 && a->cp.found && !a->await_restart && !a->options.range)
        rc = look_for_gap(a, &applied, err);
    a->opened = rc == 0;
    position_free(&applied);
    if (rc == 0 && a->options.posted)
        a->options.posted(a->options.posted_arg);
    return rc;
}
