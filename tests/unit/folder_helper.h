/* A folder of a test's, with all that is in it. */
#ifndef TESTS_UNIT_FOLDER_HELPER_H
#define TESTS_UNIT_FOLDER_HELPER_H

#include <ftw.h>
#include <stdio.h>

static int folder_drop_entry(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st, (void)kind, (void)walk;
    return remove(path);
}

/* 0, or another number: it is still there. */
static inline int folder_remove(const char *path)
{
    return nftw(path, folder_drop_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
