#include "agent/cli/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "agent/cli/cli.h"

static void end_at_once(int number)
{
    (void)number;
    _exit(EXIT_DONE);
}

void signals_end_at_once(void)
{
    signal(SIGTERM, end_at_once);
    signal(SIGINT, end_at_once);
}

void signals_hold(bool hold)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}
