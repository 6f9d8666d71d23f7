/* The built-in rules, schema/masks/, as texts of many lines. For mask.c only. */
#ifndef SCHEMA_MASK_PRESET_H
#define SCHEMA_MASK_PRESET_H

extern const char mask_preset_openmage[];

#endif
