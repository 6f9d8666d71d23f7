/* What a setting of the source's shop (core_config_data) is worth at the destination's.
 *
 * The handlers of settings.xml change its value, in the order in which they stand; they see the
 * setting's row, and as the opposite one the row that the destination has for it. What the shop
 * encrypts under its key (a rule with the handler Encrypt, or `encrypted` of the catalogue) comes
 * under the destination's key. One thread.
 */
#ifndef APPLIER_MAP_MAP_SETTINGS_H
#define APPLIER_MAP_MAP_SETTINGS_H

#include "applier/map/map_handler.h"
#include "schema/catalogue.h"
#include "schema/migration/settings_map.h"

enum { SETTING_SCOPE, SETTING_SCOPE_ID, SETTING_PATH, SETTING_VALUE, SETTING_FIELDS };
extern const char *const map_setting_fields[SETTING_FIELDS];

enum map_setting_fate {
    SETTING_TAKEN,
    SETTING_NO_KEY,     /* it is encrypted, and a key is not given: *out is NULL */
    SETTING_UNREADABLE, /* it is not encrypted under the source's key: *out is NULL */
};

struct map_settings;
/* All must outlive it. DS_EUSAGE: a handler cannot be used, with file and line of its rule. */
int map_settings_new(struct map_settings **out, const struct settings_map *rules,
                     const struct catalogue *catalogue, const struct map_facts *facts,
                     struct ds_error *err);
void map_settings_free(struct map_settings *m);
/* `was`: of the destination's row, NULL: it has none. *out lives as long as `values` and `arena`.
 * DS_ECONFLICT, DS_EUSAGE: as of a handler, with the setting in front. */
int map_settings_value(struct map_settings *m, struct map_value values[SETTING_FIELDS],
                       struct map_value *was, struct arena *arena, struct map_value *out,
                       enum map_setting_fate *fate, struct ds_error *err);

#endif
