#include "schema/db_later.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

enum state { IDLE, RUNNING, FAILED };

/* The owner's thread starts requests while IDLE, the other one ends them. */
struct later {
    pthread_t thread;
    pthread_mutex_t mutex; /* of all that follows */
    pthread_cond_t changed;
    enum state state;
    int (*run)(void *arg, struct ds_error *err);
    void *arg;
    int rc; /* … and err, when FAILED */
    struct ds_error err;
    bool ending;
};

static _Thread_local bool in_request; /* whose connection is its own */
static char key[] = "datasync later";

static struct later *later_of(MYSQL *db)
{
    void *found = NULL;
    return mysql_get_optionv(db, MARIADB_OPT_USERDATA, key, &found) ? NULL : found;
}

static void *run_requests(void *arg)
{
    struct later *l = arg;
    mysql_thread_init();
    in_request = true;
    pthread_mutex_lock(&l->mutex);
    for (;;) {
        while (l->state != RUNNING && !l->ending)
            pthread_cond_wait(&l->changed, &l->mutex);
        if (l->state != RUNNING)
            break;
        pthread_mutex_unlock(&l->mutex);
        struct ds_error err = {0};
        int rc = l->run(l->arg, &err); /* these two stay while RUNNING */
        pthread_mutex_lock(&l->mutex);
        l->rc = rc;
        l->err = err;
        l->state = rc ? FAILED : IDLE;
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->mutex);
    mysql_thread_end();
    return NULL;
}

static void later_free(struct later *l)
{
    pthread_mutex_destroy(&l->mutex);
    pthread_cond_destroy(&l->changed);
    free(l);
}

/* Signals are for other threads. */
static int start_thread(struct later *l)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, &before))
        return -1;
    int rc = pthread_create(&l->thread, NULL, run_requests, l);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

/* Behind the request in hand. */
static void later_end(struct later *l)
{
    pthread_mutex_lock(&l->mutex);
    l->ending = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    pthread_join(l->thread, NULL);
    later_free(l);
}

static struct later *later_new(MYSQL *db)
{
    struct later *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->changed, NULL);
    if (start_thread(l)) {
        later_free(l);
        return NULL;
    }
    if (mysql_optionsv(db, MARIADB_OPT_USERDATA, key, (void *)l) == 0 && later_of(db) == l)
        return l;
    later_end(l);
    return NULL;
}

static int wait_for(struct later *l, struct ds_error *err)
{
    int rc = 0;
    pthread_mutex_lock(&l->mutex);
    while (l->state == RUNNING)
        pthread_cond_wait(&l->changed, &l->mutex);
    if (l->state == FAILED) {
        rc = l->rc;
        if (err)
            *err = l->err;
    }
    pthread_mutex_unlock(&l->mutex);
    return rc;
}

int db_settle(MYSQL *db, struct ds_error *err)
{
    struct later *l = in_request ? NULL : later_of(db);
    return l ? wait_for(l, err) : 0;
}

int db_later(MYSQL *db, int (*run)(void *arg, struct ds_error *err), void *arg,
             struct ds_error *err)
{
    int rc = db_settle(db, err);
    if (rc)
        return rc;
    struct later *l = later_of(db);
    l = l ? l : later_new(db);
    if (!l)
        return run(arg, err);
    pthread_mutex_lock(&l->mutex);
    l->run = run;
    l->arg = arg;
    l->state = RUNNING;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    return 0;
}

void db_recover(MYSQL *db)
{
    struct later *l = later_of(db);
    if (!l)
        return;
    (void)wait_for(l, NULL);
    pthread_mutex_lock(&l->mutex);
    l->state = IDLE;
    pthread_mutex_unlock(&l->mutex);
}

void db_later_end(MYSQL *db)
{
    struct later *l = later_of(db);
    if (l)
        later_end(l);
}
