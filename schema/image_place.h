/* What rows call the files of a shop's media folder.
 *
 * A product's image is "/s/h/shirt.jpg", beneath media/catalog/product; a category's "shoes.jpg",
 * beneath media/catalog/category. The agent makes such names for cells of a file, the applier takes
 * files by them: neither lets a name lead out of the folder. Any thread.
 */
#ifndef SCHEMA_IMAGE_PLACE_H
#define SCHEMA_IMAGE_PLACE_H

#include <stdbool.h>

#include "schema/buf.h"

enum image_kind { IMAGE_PRODUCT, IMAGE_CATEGORY, IMAGE_KINDS };
enum { IMAGE_PATH_SIZE = 512 };

/* Of the media folder: "catalog/product". */
const char *image_folder(enum image_kind kind);

/* A table that no shop has: its rows say where a file is to be had, of which rows of the same
 * transaction give the name. Columns: kind, the name as in rows, address. */
#define IMAGE_TABLE "datasync_image"
enum { IMAGE_COLUMN_KIND, IMAGE_COLUMN_PLACE, IMAGE_COLUMN_URL, IMAGE_COLUMNS };

/* http:// or https:// */
bool image_is_url(struct slice text);

/* The name in rows of what a cell gives.
 *   shirt.jpg                      /s/h/shirt.jpg, as a shop names what is uploaded to it
 *   old/shirt.jpg, /old/shirt.jpg  /old/shirt.jpg
 *   https://a.example/b/shirt.jpg  /s/h/shirt_1c0a9d3e.jpg: with a number made of the address, so
 *                                  that files of one name from two places stay two; a query counts
 *                                  only where the path ends in no image's name
 * Of a category the same without the first slash and the folders s/h. Appended to `place`.
 * 0; DS_ENOMEM; DS_EFORMAT and *why: it names no file, or none in the folder. */
int image_place(enum image_kind kind, struct slice cell, struct buf *place, const char **why);

enum image_value {
    IMAGE_NONE, /* the row names no file: empty, no_selection, an address */
    IMAGE_FILE,
    IMAGE_ASTRAY, /* it leads out of the folder, or is no name of a file */
};
/* The path beneath the kind's folder that a row's value stands for; no slash before it. */
enum image_value image_value_path(struct slice value, char path[IMAGE_PATH_SIZE]);
/* Is it where a shop puts what is uploaded: s/h/shirt.jpg? Gives the bare name, else NULL. */
const char *image_dispersed_name(const char *path);

#endif
