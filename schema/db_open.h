/* The connections that this process has open: what they are called, and an end to waiting for their
 * servers. All functions may be called from any thread. */
#ifndef SCHEMA_DB_OPEN_H
#define SCHEMA_DB_OPEN_H

#include <mysql.h>
#include <stdbool.h>
#include <stddef.h>

/* By db_connect and db_close. DS_ENOMEM; DS_ESTOPPED: db_interrupt_all was called before. */
int db_open_add(MYSQL *db, const char *name);
void db_open_remove(MYSQL *db);
/* "source 127.0.0.1:3306 (user shop)"; false: it is not open. */
bool db_open_name(MYSQL *db, char *out, size_t size);

/* For the end of the process: whoever waits for a server finds the connection lost, and new ones
 * are not made. */
void db_interrupt_all(void);

#endif
