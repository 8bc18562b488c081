#include "lua/watchdog.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum {
    TICK_MS = 5,
    ANSWER_MS = 1000, // how long it may take to say where it is
    IDLE_TICKS = 40,  // without a slice: then it sleeps until the next one
    NS_PER_MS = 1000000,
};

// One for the process, because a signal's handler is: the exception to "no global state".
static struct {
    pthread_mutex_t life;  // held while the thread is started or stopped
    pthread_mutex_t mutex; // guards the list and the next two
    pthread_cond_t wake;
    struct watched *list;
    bool is_stopping;
    _Atomic bool is_asleep;
    pthread_t thread;
} dog = {.life = PTHREAD_MUTEX_INITIALIZER, .mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct watched *volatile current;

// Ignored where nobody handles it, and used by nobody here; several make one, so that a thread that
// does not run collects no queue of them, as it would of real-time signals.
enum { WATCHDOG_SIGNAL = SIGURG };

// ---- on the thread of the slice ---------------------------------------------------------------

static void on_signal(int number)
{
    (void)number;
    struct watched *watched = current;

    if (!watched)
        return;
    uint64_t sequence = atomic_load_explicit(&watched->sequence, memory_order_relaxed);
    if ((sequence & 1) && sequence == atomic_load(&watched->target))
        watched->on_order(watched->owner, (enum watchdog_order)atomic_load(&watched->order));
}

static void wake_up(void)
{
    pthread_mutex_lock(&dog.mutex);
    atomic_store(&dog.is_asleep, false);
    pthread_cond_signal(&dog.wake);
    pthread_mutex_unlock(&dog.mutex);
}

static void step(struct watched *watched)
{
    uint64_t sequence = atomic_load_explicit(&watched->sequence, memory_order_relaxed);
    atomic_store_explicit(&watched->sequence, sequence + 1, memory_order_release);
}

struct watched *watchdog_begin(struct watched *watched)
{
    struct watched *outer = current;

    current = watched;
    atomic_signal_fence(memory_order_seq_cst);
    step(watched);
    if (atomic_load_explicit(&dog.is_asleep, memory_order_relaxed))
        wake_up();
    return outer;
}

void watchdog_end(struct watched *watched, struct watched *outer)
{
    step(watched);
    atomic_signal_fence(memory_order_seq_cst);
    current = outer;
}

struct watched *watchdog_current(void)
{
    return current;
}

bool watchdog_is_asleep(void)
{
    return atomic_load(&dog.is_asleep);
}

// ---- the watchdog's thread --------------------------------------------------------------------

static uint64_t cpu_ns(const struct watched *watched)
{
    struct timespec used;
    if (clock_gettime(watched->cpu_clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static void give_order(struct watched *watched, enum watchdog_order order)
{
    atomic_store(&watched->order, (int)order);
    atomic_store(&watched->target, watched->seen);
    pthread_kill(watched->thread, WATCHDOG_SIGNAL);
}

// Asks where it is, and says it at the next look. Returns true when it has asked.
static bool report(struct watched *watched, uint64_t now_ns)
{
    uint64_t silent_ms = (now_ns - watched->told_ns) / NS_PER_MS;
    bool has_told = atomic_exchange(&watched->has_told, false);

    if (has_told || silent_ms >= WATCHDOG_STUCK_MS + ANSWER_MS) {
        log_event(
            watched->log, LOG_ERROR,
            "a script has not come back for %u s: it is stuck in a C function (%s). The other "
            "requests of this worker wait. Restart the gateway if this does not end",
            (unsigned)((now_ns - watched->seen_ns) / NS_PER_MS / 1000),
            has_told ? watched->told : "it does not say where");
        watched->told_ns = now_ns;
        return false;
    }
    if (silent_ms < WATCHDOG_STUCK_MS)
        return false;
    give_order(watched, WATCHDOG_TELL);
    return true;
}

static void judge(struct watched *watched)
{
    uint64_t limit_ns = (uint64_t)atomic_load(&watched->cpu_ms) * NS_PER_MS;
    uint64_t used_ns = cpu_ns(watched) - watched->seen_cpu_ns;

    if (report(watched, clock_monotonic_ns()))
        return;
    if (used_ns >= limit_ns + (uint64_t)WATCHDOG_GRACE_MS * NS_PER_MS)
        give_order(watched, WATCHDOG_STOP_ALL);
    else if (used_ns >= limit_ns)
        give_order(watched, WATCHDOG_STOP);
}

// Returns true when something ran since the last look.
static bool look(struct watched *watched)
{
    uint64_t sequence = atomic_load_explicit(&watched->sequence, memory_order_acquire);

    if (sequence == watched->seen) {
        if (sequence & 1)
            judge(watched);
        return sequence & 1;
    }
    watched->seen = sequence;
    if (sequence & 1) {
        watched->seen_cpu_ns = cpu_ns(watched);
        watched->seen_ns = watched->told_ns = clock_monotonic_ns();
        atomic_store(&watched->has_told, false);
    }
    return true;
}

static bool look_at_all(void)
{
    bool is_busy = false;
    for (struct watched *watched = dog.list; watched; watched = watched->next)
        is_busy = look(watched) || is_busy;
    return is_busy;
}

static void wait_a_tick(void)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)TICK_MS * NS_PER_MS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&dog.wake, &dog.mutex, &until);
}

static void sleep_until_woken(void)
{
    while (atomic_load(&dog.is_asleep) && !dog.is_stopping)
        pthread_cond_wait(&dog.wake, &dog.mutex);
}

// A slice that began just before `is_asleep` was set cannot have seen it: hence one more look, a
// tick later, before it really sleeps.
static void *watch(void *unused)
{
    unsigned idle = 0;

    pthread_mutex_lock(&dog.mutex);
    while (!dog.is_stopping) {
        idle = look_at_all() ? 0 : idle + 1;
        if (idle > IDLE_TICKS) {
            sleep_until_woken();
            idle = 0;
        }
        atomic_store(&dog.is_asleep, idle == IDLE_TICKS);
        wait_a_tick();
    }
    pthread_mutex_unlock(&dog.mutex);
    return unused;
}

// ---- life -------------------------------------------------------------------------------------

static void start(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pthread_condattr_t attributes;
    sigset_t all, before;

    sigemptyset(&action.sa_mask);
    sigaction(WATCHDOG_SIGNAL, &action, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&dog.wake, &attributes);
    pthread_condattr_destroy(&attributes);
    dog.is_stopping = false;
    atomic_store(&dog.is_asleep, false);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&dog.thread, NULL, watch, NULL) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void stop(void)
{
    pthread_mutex_lock(&dog.mutex);
    dog.is_stopping = true;
    pthread_cond_signal(&dog.wake);
    pthread_mutex_unlock(&dog.mutex);
    pthread_join(dog.thread, NULL);
    pthread_cond_destroy(&dog.wake);
}

static void allow_signal(void)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, WATCHDOG_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

void watchdog_add(struct watched *watched)
{
    watched->thread = pthread_self();
    if (pthread_getcpuclockid(watched->thread, &watched->cpu_clock) != 0)
        abort();
    pthread_mutex_lock(&dog.life);
    pthread_mutex_lock(&dog.mutex);
    bool is_first = !dog.list;
    watched->next = dog.list;
    dog.list = watched;
    pthread_mutex_unlock(&dog.mutex);
    if (is_first)
        start();
    pthread_mutex_unlock(&dog.life);
    allow_signal();
}

void watchdog_remove(struct watched *watched)
{
    pthread_mutex_lock(&dog.life);
    pthread_mutex_lock(&dog.mutex);
    struct watched **place = &dog.list;
    while (*place != watched)
        place = &(*place)->next;
    *place = watched->next;
    bool is_last = !dog.list;
    pthread_mutex_unlock(&dog.mutex);
    if (is_last)
        stop();
    pthread_mutex_unlock(&dog.life);
}
