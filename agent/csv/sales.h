/* Inside the CSV adapter: what orders and their documents share. Not for others. */
#ifndef AGENT_CSV_SALES_H
#define AGENT_CSV_SALES_H

#include "agent/csv/kinds.h"

/* Amounts in the shop's base currency that are not told are those in the order's. */
void sales_set_base(struct shop_row *r);
/* Every value of the item that is a column of the row's table. `what`: the column of the file. */
void sales_set_item(struct csv_import *in, struct shop_row *r, const char *table,
                    const struct nested_item *item, const char *what);
/* The column becomes a × b, rounded to what it takes; what is no number counts as 0. */
void sales_set_product(struct shop_row *r, const char *column, struct slice a, struct slice b,
                       const char *what);
double sales_number(struct shop *s, struct slice v);
/* Not negative, and a number; an error where it is empty and needed. */
void sales_check_amount(struct csv_import *in, const char *column, bool needed);

#endif
