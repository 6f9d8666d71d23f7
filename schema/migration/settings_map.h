/* What becomes of the shop's settings (core_config_data): settings.xml as users of the Magento
 * Data Migration Tool have it (grammar: its etc/settings.xsd). A `*` in a path that is ignored
 * stands for one or more characters. Settings of which nothing is said keep path and value.
 *
 * Once read it does not change; any thread may ask it. What it returns lives as long as it.
 */
#ifndef SCHEMA_SETTINGS_MAP_H
#define SCHEMA_SETTINGS_MAP_H

#include <stddef.h>

#include "schema/error.h"
#include "schema/map.h"

struct settings_map;

/* DS_EUSAGE names file and line: it cannot be read, is not such a file, or contradicts itself. */
int settings_map_read(struct settings_map **out, const char *path, struct ds_error *err);
void settings_map_free(struct settings_map *m);
/* Under which path a setting of the source is kept; NULL: it is ignored. */
const char *settings_map_path(const struct settings_map *m, const char *path);
/* The next rule that changes the value of a setting, by its path at the source, behind `last`
 * (NULL: the first); NULL: no more. Its `field` is the path, its `document` core_config_data. */
const struct map_rule *settings_map_next_handler(const struct settings_map *m, const char *path,
                                                 const struct map_rule *last);
/* All rules, as written: ignored paths (MAP_IGNORE_FIELD), renamed ones (MAP_MOVE), handlers. */
size_t settings_map_count(const struct settings_map *m);
const struct map_rule *settings_map_at(const struct settings_map *m, size_t i);

#endif
