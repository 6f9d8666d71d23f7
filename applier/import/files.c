/* Which files rows name: values of attributes that are images, and rows of product galleries. */
#include <string.h>

#include "applier/import/files.h"
#include "applier/import/import_internal.h"
#include "applier/import/when.h"
#include "applier/media/media.h"

int import_files_new(struct import *im, struct ds_error *err)
{
    const struct config *c = im->options.config;
    return *c->images_media_dir
               ? media_new(&im->media, c, im->options.dry_run, im->options.stop, err)
               : 0;
}

void import_files_begin(struct import *im)
{
    im->files_due = false;
    if (im->media)
        media_begin(im->media);
}

/* Is the value an image's name, and in which folder is that? */
static bool names_file(struct import *im, const struct import_row *row, enum image_kind *kind)
{
    const struct import_table *t = row->table;
    if (t->value == NO_COLUMN)
        return false;
    *kind = IMAGE_PRODUCT;
    if (strcmp(t->entry->table, IMPORT_GALLERY) == 0)
        return true;
    const struct import_attribute *a =
        t->attribute == NO_COLUMN ? NULL : import_attribute_of(im, row);
    if (!a || strcmp(a->backend, "varchar") != 0)
        return false;
    if (strcmp(a->type, "catalog_category") == 0) {
        *kind = IMAGE_CATEGORY;
        return strcmp(a->input, "image") == 0;
    }
    return strcmp(a->type, "catalog_product") == 0 && strcmp(a->input, "media_image") == 0;
}

int import_note_file(struct import *im, const struct import_row *row, struct ds_error *err)
{
    enum image_kind kind;
    char scratch[32];
    bool null;
    if (!im->media || !row->after || !names_file(im, row, &kind) || !row->after[row->table->value])
        return 0;
    struct slice value = import_text(row->after[row->table->value], scratch, &null);
    return null ? 0
                : media_want(im->media, kind, value, row->entity->entity->name, row->entity->key,
                             err);
}

/* A row of IMAGE_TABLE. */
int import_files_source(struct import *im, const struct change *c, struct ds_error *err)
{
    const uint8_t *values[IMAGE_COLUMNS];
    char scratch[IMAGE_COLUMNS][32];
    struct slice text[IMAGE_COLUMNS];
    bool null;
    const struct slice *name = &c->table->def.name;
    if (!im->media || c->op != CHANGE_INSERT || name->len != strlen(IMAGE_TABLE) ||
        memcmp(name->p, IMAGE_TABLE, name->len) != 0)
        return 0;
    if (c->table->def.column_count != IMAGE_COLUMNS || image_split(c->after, IMAGE_COLUMNS, values))
        return error_set(err, DS_EFORMAT, "a message says wrongly where an image is to be had");
    for (int i = 0; i < IMAGE_COLUMNS; i++)
        text[i] = import_text(values[i], scratch[i], &null);
    bool category = text[IMAGE_COLUMN_KIND].len && *text[IMAGE_COLUMN_KIND].p != '0';
    return media_source(im->media, category ? IMAGE_CATEGORY : IMAGE_PRODUCT,
                        text[IMAGE_COLUMN_PLACE], text[IMAGE_COLUMN_URL])
               ? import_no_memory(err)
               : 0;
}

/* Rows of a whole range wait until the files are there, rolled back, so that nothing of the live
 * shop waits meanwhile. Where that cannot be, in the middle of a transaction that is larger than a
 * batch, they are fetched with the rows held. */
int import_files_end(struct import *im, bool part, struct ds_error *err)
{
    if (!im->media || !media_waits(im->media))
        return 0;
    if (part || im->options.dry_run)
        return media_fetch(im->media, err);
    im->files_due = true;
    return error_set(err, DS_ERETRY, "images are fetched first");
}

bool import_wants_files(const struct import *im)
{
    return im->files_due;
}

int import_fetch_files(struct import *im, struct ds_error *err)
{
    im->files_due = false;
    return media_fetch(im->media, err);
}

const struct media_counts *import_files(const struct import *im)
{
    return im->media ? media_counts_get(im->media) : NULL;
}
