/* Requests that run beside their caller: order, errors, ends. No server is asked. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/db.h"
#include "schema/db_later.h"

struct job {
    MYSQL *db;
    pthread_mutex_t *held; /* it waits for this one; NULL: for nothing */
    int *log, *logged, number, rc, settled;
    bool beside; /* it ran in another thread */
    pthread_t caller;
};

static int run(void *arg, struct ds_error *err)
{
    struct job *j = arg;
    if (j->held) {
        pthread_mutex_lock(j->held);
        pthread_mutex_unlock(j->held);
    }
    j->settled =
        db_settle(j->db, NULL); /* the connection is its own: it need not wait for itself */
    j->beside = !pthread_equal(j->caller, pthread_self());
    j->log[(*j->logged)++] = j->number;
    return j->rc ? error_set(err, j->rc, "request %d failed", j->number) : 0;
}

static void requests_run_in_order_and_fail_until_recovered(void **state)
{
    (void)state;
    MYSQL *db = mysql_init(NULL);
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    int log[8] = {0}, logged = 0;
    struct ds_error err = {0};
    struct job jobs[5];
    assert_non_null(db);
    for (int i = 0; i < 5; i++)
        jobs[i] = (struct job){
            .db = db, .log = log, .logged = &logged, .number = i + 1, .caller = pthread_self()};
    jobs[0].held = &held;
    jobs[2].rc = DS_ECONFLICT;
    db_recover(db); /* nothing has been begun */
    assert_int_equal(db_settle(db, &err), 0);

    pthread_mutex_lock(&held);
    assert_int_equal(db_later(db, run, &jobs[0], &err), 0);
    pthread_mutex_unlock(&held); /* it could not have ended before: db_later did not wait for it */
    assert_int_equal(db_later(db, run, &jobs[1], &err), 0);
    assert_int_equal(db_later(db, run, &jobs[2], &err), 0);
    assert_int_equal(db_settle(db, &err), DS_ECONFLICT);
    assert_string_equal(err.message, "request 3 failed");

    /* whatever comes next fails with it, and is not run */
    error_clear(&err);
    assert_int_equal(db_later(db, run, &jobs[3], &err), DS_ECONFLICT);
    assert_int_equal(db_exec(db, &err, "DO 1"), DS_ECONFLICT);
    assert_null(db_select(db, &err, "SELECT 1"));
    assert_string_equal(err.message, "request 3 failed");
    assert_int_equal(logged, 3);

    db_recover(db);
    error_clear(&err);
    assert_int_equal(db_settle(db, &err), 0);
    assert_int_equal(db_later(db, run, &jobs[4], &err), 0);
    assert_int_equal(db_settle(db, &err), 0);
    assert_int_equal(err.code, 0);
    const int expected[] = {1, 2, 3, 5};
    assert_int_equal(logged, 4);
    assert_memory_equal(log, expected, sizeof expected);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(jobs[i].beside, i != 3);
        assert_int_equal(jobs[i].settled, 0);
    }
    db_close(&db);
}

static void a_connection_is_closed_behind_its_request(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        MYSQL *db = mysql_init(NULL);
        int log[1], logged = 0;
        struct ds_error err = {0};
        struct job job = {.db = db, .log = log, .logged = &logged, .rc = round % 2 ? DS_ECONN : 0};
        assert_non_null(db);
        assert_int_equal(db_later(db, run, &job, &err), 0);
        db_close(&db);
        assert_int_equal(logged, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_run_in_order_and_fail_until_recovered),
        cmocka_unit_test(a_connection_is_closed_behind_its_request),
    };
    return cmocka_run_group_tests_name("db_later", tests, NULL, NULL);
}
