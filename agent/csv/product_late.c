/* Products: what can be told only when the file has been read. */
#include <stdlib.h>
#include <string.h>

#include "agent/csv/product.h"

struct late_lists {
    const char *what;
    struct arena arena;
    struct late_list *first, **last;
};

struct late_lists *late_lists_new(const char *what)
{
    struct late_lists *all = calloc(1, sizeof *all);
    if (all)
        *all = (struct late_lists){.what = what, .last = &all->first};
    return all;
}

void late_lists_free(struct late_lists *all)
{
    if (all)
        arena_free(&all->arena);
    free(all);
}

static void *keep(struct csv_import *in, struct late_lists *all, const void *p, size_t len)
{
    void *copy = arena_copy(&all->arena, p, len);
    if (!copy)
        shop_no_memory(in->shop);
    return copy;
}

static struct slice key_of(struct csv_import *in, const struct late_lists *all,
                           const struct product *p)
{
    return shop_format(in->shop, "late %s of\n%.*s", all->what, (int)p->id.len, p->id.p);
}

struct late_list *late_list_find(struct csv_import *in, const struct late_lists *all,
                                 const struct product *p)
{
    struct late_list *l = NULL;
    struct slice known;
    if (shop_recall(in->shop, key_of(in, all, p), &known))
        memcpy(&l, known.p, sizeof l);
    return l;
}

struct late_list *late_list_begin(struct csv_import *in, struct late_lists *all,
                                  const struct product *p)
{
    const struct late_list new = {.id = {keep(in, all, p->id.p, p->id.len), p->id.len},
                                  .line = in->record->line};
    struct late_list *l = new.id.p ? keep(in, all, &new, sizeof new) : NULL;
    if (!l)
        return NULL;
    shop_remember(in->shop, key_of(in, all, p), (struct slice){(const uint8_t *)&l, sizeof l});
    *all->last = l;
    all->last = &l->next;
    return l;
}

bool late_items_have(const struct late_item *items, struct slice text)
{
    while (items && !(items->text.len == text.len &&
                      (!text.len || memcmp(items->text.p, text.p, text.len) == 0)))
        items = items->next;
    return items;
}

void late_list_add(struct csv_import *in, struct late_lists *all, struct late_list *l,
                   struct slice text)
{
    if (late_items_have(l->items, text))
        return;
    const struct late_item item = {{keep(in, all, text.p, text.len), text.len}, l->items};
    struct late_item *kept = item.text.p ? keep(in, all, &item, sizeof item) : NULL;
    l->items = kept ? kept : l->items;
}

const struct late_list *late_list_take(struct csv_import *in, struct late_lists *all)
{
    struct late_list *l = all->first;
    if (l) {
        all->first = l->next;
        shop_at_line(in->shop, l->line);
    }
    return l;
}
