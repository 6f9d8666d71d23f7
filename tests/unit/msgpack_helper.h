/* msgpack-c, to compare with. */
#ifndef TESTS_UNIT_MSGPACK_HELPER_H
#define TESTS_UNIT_MSGPACK_HELPER_H

#include "schema/buf.h"

/* A msgpack_packer_write. */
static inline int pack_to_buf(void *data, const char *bytes, size_t len)
{
    return buf_append(data, bytes, len);
}

#endif
