/* Test hook: die at a named point, as kill -9 would.
 *
 * Built only with -Dcrash_points=true. DATASYNC_CRASH="NAME:N" kills the process the Nth time that
 * it passes point NAME; without the build option a crash point is nothing. Points are named
 * MODULE.STEP and listed by `git grep crash_point`.
 */
#ifndef SCHEMA_CRASH_H
#define SCHEMA_CRASH_H

#ifdef DATASYNC_CRASH_POINTS
void crash_point(const char *name);
#else
#define crash_point(name) ((void)0)
#endif

#endif
