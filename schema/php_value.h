/* PHP's serialize() format: https://www.php.net/manual/en/function.serialize.php, as
 * ext/standard/var_unserializer.re of PHP reads it.
 *
 *     N;  b:1;  i:5;  d:0.5;  s:3:"abc";  a:1:{key value}  O:8:"stdClass":1:{key value}
 *     r:2;  R:2;  C:3:"Abc":5:{bytes}  E:10:"Suit:Clubs";
 *
 * A shop keeps such values in text columns and reads them back with unserialize(), which gives up
 * on the whole of it when one length is wrong. So they are not edited as text: php_parse makes a
 * tree, the caller changes it, and php_write writes it. What was not changed is written byte for
 * byte: numbers keep their text, arrays the order of their keys, whole numbers and strings stay
 * what they were. Only what serialize() writes is read; what unserialize() would forgive beside
 * that (signs and zeros before a length, escaped strings) is an error.
 *
 * Lengths are bytes. The tree lies in the caller's arena and points into the text it was read from:
 * both must outlive it. Called by schema/document.c; one thread. Errors: DS_EFORMAT and DS_ELIMIT
 * with the offset in the text, DS_ENOMEM. No value appears in a message.
 */
#ifndef SCHEMA_PHP_VALUE_H
#define SCHEMA_PHP_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "error.h"

enum { PHP_MAX_DEPTH = 200, PHP_MAX_BYTES = 4 << 20 };

enum php_type {
    PHP_NULL,
    PHP_BOOL,
    PHP_INT,
    PHP_DOUBLE,
    PHP_STRING,
    PHP_ARRAY,
    PHP_OBJECT,
    PHP_SAME,      /* r: the object that another place holds */
    PHP_REFERENCE, /* R: the variable that another place holds */
    PHP_CUSTOM,    /* C: an object that its class wrote; its body stays as it is */
    PHP_ENUM,      /* E: case of an enumeration */
};

struct php_entry;
struct php_value {
    enum php_type type;
    uint32_t count;    /* of entries */
    uint32_t slot;     /* by which r and R name it, from 1; 0: it was removed */
    uint32_t mark;     /* its owner's; 0 at first */
    struct slice text; /* of a number or bool its digits; string; name of a class or case */
    union {
        struct php_entry *first;  /* array, object */
        struct slice body;        /* custom */
        struct php_value *target; /* same, reference */
    };
};

struct php_entry {
    struct php_entry *next;
    bool key_is_int; /* i:5; else s:1:"5"; */
    struct slice key;
    struct php_value value;
};

struct php_tree {
    struct arena *arena;
    struct php_value root;
    uint32_t slots;  /* given out */
    bool references; /* r or R are in it */
    bool custom;     /* C is in it */
    bool removed;    /* slots may have moved */
};

/* All of `text`; what follows the value is an error. `offset` (may be NULL) is where an error was
 * found. */
int php_parse(struct php_tree *tree, struct slice text, struct arena *arena, size_t *offset,
              struct ds_error *err);
/* Appends. Numbers of r and R follow what was removed; one whose value was removed takes it over.
 * DS_EUNSUPPORTED: something was removed, and beside references the body of a custom object is
 * there, which may hold some that cannot be told. */
int php_write(struct php_tree *tree, struct buf *out, struct ds_error *err);

/* Of an array or object; NULL: none, or it is neither. A key of digits is found whether it was
 * written as a number or as a string. */
struct php_entry *php_find(const struct php_value *in, const char *key);
/* The value itself, or what a reference leads to. */
const struct php_value *php_behind(const struct php_value *v);
/* Text of a string or whole number (also one that is held as a float); false: it is neither. */
bool php_text(const struct php_value *v, struct slice *text);
/* A number stays a number as far as `text` is one that PHP would write so, else it becomes a
 * string. `text` must outlive the tree. For what php_text reads. */
void php_set_text(struct php_value *v, struct slice text);
/* The same for a key. */
void php_set_key(struct php_entry *entry, struct slice text);
/* Of a scalar. */
void php_set_null(struct php_value *v);
/* `entry` is in `from`, and stays readable. */
void php_remove(struct php_tree *tree, struct php_value *from, struct php_entry *entry);
/* Are the keys 0, 1, 2 …? */
bool php_is_list(const struct php_value *v);
/* Makes them so. DS_ENOMEM. */
int php_renumber(struct php_tree *tree, struct php_value *v);

#endif
