#include "schema/db_open.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "schema/error.h"

/* The library closes its descriptor when a connection breaks, and the number may then be anybody's:
 * hence one of our own. */
struct open {
    MYSQL *db;
    int socket;
    struct open *next;
    char name[700];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static struct open *first;
static bool interrupted;

int db_open_add(MYSQL *db, const char *name)
{
    struct open *o = calloc(1, sizeof *o);
    if (!o)
        return DS_ENOMEM;
    o->db = db;
    o->socket = fcntl(mysql_get_socket(db), F_DUPFD_CLOEXEC, 0);
    snprintf(o->name, sizeof o->name, "%s", name);
    pthread_mutex_lock(&mutex);
    bool refused = interrupted;
    if (!refused && o->socket >= 0) {
        o->next = first;
        first = o;
    }
    pthread_mutex_unlock(&mutex);
    if (!refused && o->socket >= 0)
        return 0;
    if (o->socket >= 0)
        close(o->socket);
    free(o);
    return refused ? DS_ESTOPPED : DS_ENOMEM;
}

void db_open_remove(MYSQL *db)
{
    pthread_mutex_lock(&mutex);
    struct open **at = &first;
    while (*at && (*at)->db != db)
        at = &(*at)->next;
    struct open *o = *at;
    if (o)
        *at = o->next;
    pthread_mutex_unlock(&mutex);
    if (!o)
        return;
    close(o->socket);
    free(o);
}

bool db_open_name(MYSQL *db, char *out, size_t size)
{
    pthread_mutex_lock(&mutex);
    const struct open *o = first;
    while (o && o->db != db)
        o = o->next;
    if (o)
        snprintf(out, size, "%s", o->name);
    pthread_mutex_unlock(&mutex);
    return o != NULL;
}

void db_interrupt_all(void)
{
    pthread_mutex_lock(&mutex);
    interrupted = true;
    for (const struct open *o = first; o; o = o->next)
        shutdown(o->socket, SHUT_RDWR);
    pthread_mutex_unlock(&mutex);
}
