#include "worker/control.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "worker/announce.h"
#include "worker/failure.h"
#include "worker/install.h"
#include "worker/proof.h"
#include "worker/watch_files.h"

enum {
    WORKER_MS = 10 * 1000, // for all workers to prepare a generation; then none gets it
    TRIAL_MS = 30 * 1000,  // after its commit a generation can be taken back
    OLD_GENERATIONS = 8,   // held by long streams; more are told
};

// IDLE -> PREPARING -> FINISHING -> IDLE. What is wanted meanwhile comes afterwards.
enum control_state { CONTROL_IDLE, CONTROL_PREPARING, CONTROL_FINISHING };

struct control {
    struct worker_shared *shared;
    struct proof proof;
    struct reloader reloader;
    struct install *installs; // owned, one for each worker
    int worker_count;
    struct loop *loop;
    struct timers *timers;
    struct mailbox mailbox;
    struct letter hangup, stop;
    atomic_bool hangup_is_sent;
    pthread_t thread;
    bool has_thread;
    void (*on_end)(void *owner);
    void *owner;

    // The thread's own.
    enum control_state state;
    bool is_stopping, has_ended;
    bool is_wanted, is_forced; // another run, and even when the last one failed on the same bytes
    struct watch_files *watch; // NULL: files are not watched
    struct reload_request *asking, *answering; // for the next run, for this one
    struct generation *current, *candidate;    // references
    struct generation *previous;               // good, to go back to; a reference or NULL
    unsigned last_number;
    unsigned char seen[BUNDLE_HASH]; // of the last run
    bool seen_is_good;
    uint64_t started_ns, committed_ns;
    struct timer timeout;
    int unprepared, unfinished; // workers
    bool is_commit, is_rollback;
    struct error err; // the first of this run

    pthread_mutex_t mutex; // guards the one below
    struct reload_failure failure;
};

static void run(struct control *control);

// ---- what programs are told --------------------------------------------------------

static void count(struct control *control, const char *result)
{
    struct metric_names *names = control->shared->names;
    struct slice value = slice_of(result);
    metric_add(metrics_series(names->metrics, names->reloads, &value), 1);
}

static void set_failure(struct control *control, const struct reload_failure *failure)
{
    pthread_mutex_lock(&control->mutex);
    control->failure = failure ? *failure : (struct reload_failure){.time = 0};
    pthread_mutex_unlock(&control->mutex);
}

static void read_failure(void *owner, struct reload_failure *failure)
{
    struct control *control = owner;
    pthread_mutex_lock(&control->mutex);
    *failure = control->failure;
    pthread_mutex_unlock(&control->mutex);
}

// Everybody who waits for this run.
static void answer(struct control *control, const struct reload_failure *failure)
{
    struct reload_request *request = control->answering;

    control->answering = NULL;
    while (request) {
        struct reload_request *next = request->next;
        request->generation = control->current->number;
        request->failure = failure ? *failure : (struct reload_failure){.time = 0};
        mailbox_send(request->home, &request->answered);
        request = next;
    }
}

static void fail(struct control *control, const struct error *err)
{
    struct reload_failure failure;

    failure_read(err, control->current->bundle->folder, control->shared->log, &failure);
    control->seen_is_good = false;
    count(control, "failed");
    set_failure(control, &failure);
    announce_failed(control->shared->log, &failure, control->current->number);
    answer(control, &failure);
}

// ---- what is on disk --------------------------------------------------------------------------

enum reading { READ_FAILED, READ_SAME, READ_NEW };

static enum reading read_files(struct control *control, bool is_forced, struct error *err)
{
    struct bundle *bundle = bundle_read(control->proof.source.path, err);
    if (!bundle) {
        // The same words again and again help nobody.
        bool is_known = !control->seen_is_good && !is_forced &&
                        memcmp(control->seen, (unsigned char[BUNDLE_HASH]){0}, BUNDLE_HASH) == 0;
        memset(control->seen, 0, BUNDLE_HASH);
        return is_known ? READ_SAME : READ_FAILED;
    }
    bool is_seen = memcmp(bundle->hash, control->seen, BUNDLE_HASH) == 0;
    memcpy(control->seen, bundle->hash, BUNDLE_HASH);
    if (memcmp(bundle->hash, control->current->bundle->hash, BUNDLE_HASH) == 0) {
        control->seen_is_good = true; // perhaps again, after a failure
        bundle_free(bundle);
        return READ_SAME;
    }
    if (is_seen && !control->seen_is_good && (!is_forced || control->is_rollback)) {
        bundle_free(bundle);
        return READ_SAME;
    }
    control->is_rollback = false;
    control->candidate =
        proof_make(&control->proof, bundle, control->current, control->last_number + 1, err);
    return control->candidate ? READ_NEW : READ_FAILED;
}

// ---- on all workers or on none ----------------------------------------------------------------

static void finish_all(struct control *control, bool is_commit)
{
    control->state = CONTROL_FINISHING;
    control->is_commit = is_commit;
    control->unfinished = control->worker_count;
    for (int i = 0; i < control->worker_count; i++)
        install_finish(&control->installs[i], is_commit);
}

static void on_timeout(void *owner)
{
    struct control *control = owner;

    if (control->state == CONTROL_PREPARING) {
        error_set(&control->err, ERROR_TIMEOUT,
                  "%d of %d workers could not prepare it within %d seconds", control->unprepared,
                  control->worker_count, WORKER_MS / 1000);
        finish_all(control, false);
    }
}

static void on_prepared(void *owner, struct install *install)
{
    struct control *control = owner;

    control->unprepared--;
    if (install->err.kind && !control->err.kind)
        control->err = install->err;
    if (control->state != CONTROL_PREPARING)
        return;
    if (control->err.kind)
        finish_all(control, false);
    else if (!control->unprepared)
        finish_all(control, true);
}

static void apply_settings(struct control *control);

static void warn_about_old(struct control *control)
{
    size_t known = control->previous ? 2 : 1;
    size_t alive = atomic_load(&control->proof.alive);

    if (alive > known + OLD_GENERATIONS)
        announce(control->shared->log, LOG_WARN,
                 "%zu old generations are still in use by requests that began with them",
                 alive - known);
}

static void on_committed(struct control *control)
{
    struct generation *old = control->current;

    control->current = control->candidate;
    control->candidate = NULL;
    control->committed_ns = clock_monotonic_ns();
    metric_set(control->shared->names->generation, control->current->number);
    generation_unref(control->previous);
    control->previous = NULL;
    apply_settings(control);
    if (control->is_rollback) {
        count(control, "rolled_back");
        announce(control->shared->log, LOG_ERROR,
                 "ROLLED BACK: generation %u is in force again, until the files change",
                 control->current->number);
        generation_unref(old);
        return;
    }
    control->last_number = control->current->number;
    control->seen_is_good = true;
    count(control, "ok");
    set_failure(control, NULL);
    announce_reloaded(control->shared->log, control->current, old, control->started_ns);
    control->previous = old;
    warn_about_old(control);
    answer(control, NULL);
}

static void on_finished(void *owner, struct install *install)
{
    struct control *control = owner;

    (void)install;
    if (--control->unfinished)
        return;
    timer_stop(control->timers, &control->timeout);
    control->state = CONTROL_IDLE;
    if (control->is_commit) {
        on_committed(control);
    } else {
        generation_unref(control->candidate);
        control->candidate = NULL;
        if (!control->is_stopping)
            fail(control, &control->err);
    }
    run(control);
}

static void install_all(struct control *control)
{
    control->state = CONTROL_PREPARING;
    control->err = (struct error){ERROR_NONE, ""};
    control->unprepared = control->worker_count;
    control->timeout = (struct timer){.on_due = on_timeout, .owner = control};
    timer_start(control->timers, &control->timeout, WORKER_MS);
    for (int i = 0; i < control->worker_count; i++)
        install_prepare(&control->installs[i], control->candidate);
}

// ---- one run after the other ------------------------------------------------------------------

static void end_loop(struct control *control);

static void answer_unchanged(struct control *control)
{
    struct reload_failure failure;

    if (control->seen_is_good)
        set_failure(control, NULL);
    read_failure(control, &failure);
    answer(control, failure.time > 0 ? &failure : NULL);
}

static void run_once(struct control *control)
{
    struct error err = {ERROR_NONE, ""};
    bool is_forced = control->is_forced;

    control->is_wanted = control->is_forced = false;
    control->answering = control->asking;
    control->asking = NULL;
    control->started_ns = clock_monotonic_ns();
    uv_update_time(&control->loop->uv);
    switch (read_files(control, is_forced, &err)) {
    case READ_FAILED:
        fail(control, &err);
        break;
    case READ_SAME:
        answer_unchanged(control);
        break;
    case READ_NEW:
        uv_update_time(&control->loop->uv); // the proof took some
        install_all(control);
        break;
    }
}

static void run(struct control *control)
{
    while (control->state == CONTROL_IDLE && !control->is_stopping &&
           (control->is_wanted || control->asking))
        run_once(control);
    if (control->state == CONTROL_IDLE && control->is_stopping && !control->has_ended)
        end_loop(control);
}

static void on_change(void *owner)
{
    struct control *control = owner;
    control->is_wanted = true;
    run(control);
}

static void apply_settings(struct control *control)
{
    const struct config *config = control->current->config;
    const struct bundle *bundle = control->current->bundle;
    const struct bundle_file *file = bundle_config(bundle);
    bool is_off = control->proof.source.overrides && control->proof.source.overrides->no_watch;
    bool is_watching = config->reload_watch && !is_off;

    log_set_level(control->shared->log, (enum log_level)config->log_level);
    if (is_watching && !control->watch) {
        control->watch = watch_files_new(control->loop, control->timers, bundle->folder,
                                         file ? file->path : "gateway.lua", on_change, control);
    } else if (!is_watching && control->watch) {
        watch_files_close(control->watch);
        control->watch = NULL;
    }
}

// ---- letters ----------------------------------------------------------------------------------

static void on_hangup(void *owner)
{
    struct control *control = owner;
    atomic_store(&control->hangup_is_sent, false);
    control->is_wanted = control->is_forced = true;
    run(control);
}

static void on_asked(void *owner)
{
    struct reload_request *request = owner;
    struct control *control = request->owner;

    request->next = control->asking;
    control->asking = request;
    control->is_forced = true;
    run(control);
}

static bool ask(void *owner, struct reload_request *request)
{
    struct control *control = owner;
    request->owner = control;
    request->asked = (struct letter){.open = on_asked, .owner = request};
    return mailbox_send(&control->mailbox, &request->asked);
}

// Whether a script can be another one than before, by its own bytes or by what it uses.
static bool has_changed(const struct control *control, const char *path)
{
    const struct bundle *now = control->current->bundle, *before = control->previous->bundle;

    for (size_t i = 0; i < now->count; i++) {
        const struct bundle_file *file = &now->files[i];
        const struct bundle_file *other = bundle_find(before, file->path);
        bool counts = strcmp(file->path, path) == 0 || !strchr(file->path, '/') ||
                      strncmp(file->path, "scripts/lib/", 12) == 0;
        if (counts && (!other || memcmp(file->hash, other->hash, BUNDLE_HASH) != 0))
            return true;
    }
    return false;
}

static bool is_on_trial(const struct control *control, const struct reload_report *report)
{
    uint64_t age_ns = clock_monotonic_ns() - control->committed_ns;
    return control->state == CONTROL_IDLE && !control->is_stopping && control->previous &&
           report->generation == control->current->number && age_ns < TRIAL_MS * 1000000ull &&
           has_changed(control, report->path);
}

// The files stay as they are: until they change, what is on disk is not what is in force.
static void on_report(void *owner)
{
    struct reload_report *report = owner;
    struct control *control = report->owner;
    struct reload_failure failure = {.time = (double)clock_wall_us() / 1e6, .line = 1};

    if (is_on_trial(control, report)) {
        snprintf(failure.file, sizeof(failure.file), "%s", report->path);
        snprintf(failure.message, sizeof(failure.message),
                 "it fails too often since generation %u, which is taken back",
                 control->current->number);
        control->started_ns = clock_monotonic_ns();
        control->candidate = control->previous;
        control->previous = NULL;
        control->is_rollback = true;
        control->seen_is_good = false;
        set_failure(control, &failure);
        announce(control->shared->log, LOG_ERROR, "%s: %s", failure.file, failure.message);
        install_all(control);
    }
    free(report);
}

static bool take_report(void *owner, struct reload_report *report)
{
    struct control *control = owner;
    report->owner = control;
    report->sent = (struct letter){.open = on_report, .owner = report};
    return mailbox_send(&control->mailbox, &report->sent);
}

static void on_stop(void *owner)
{
    struct control *control = owner;

    control->is_stopping = true;
    if (control->state == CONTROL_PREPARING)
        finish_all(control, false);
    run(control);
}

static void end_loop(struct control *control)
{
    const struct reload_failure failure = {
        .time = (double)clock_wall_us() / 1e6, .line = 1, .message = "the gateway is stopping"};

    control->has_ended = true;
    mailbox_close(&control->mailbox);
    answer(control, &failure);
    control->answering = control->asking;
    control->asking = NULL;
    answer(control, &failure);
    if (control->watch)
        watch_files_close(control->watch);
    timers_close(control->timers);
}

// ---- life -------------------------------------------------------------------------------------

static void *run_thread(void *argument)
{
    struct control *control = argument;

    control->is_wanted = control->watch != NULL; // what changed since the start was read
    run(control);
    uv_run(&control->loop->uv, UV_RUN_DEFAULT);
    control->on_end(control->owner);
    return NULL;
}

struct control *control_new(struct worker_shared *shared, const struct reload_source *source,
                            struct generation *generation)
{
    struct control *control = mem_alloc(sizeof(*control));

    control->shared = shared;
    proof_init(&control->proof, shared, source);
    control->reloader = (struct reloader){control, ask, take_report, read_failure};
    control->current = generation_ref(generation);
    control->last_number = generation->number;
    memcpy(control->seen, generation->bundle->hash, BUNDLE_HASH);
    control->seen_is_good = true;
    control->loop = loop_new();
    control->timers = timers_new(control->loop);
    mailbox_open(&control->mailbox, control->loop);
    pthread_mutex_init(&control->mutex, NULL);
    control->hangup = (struct letter){.open = on_hangup, .owner = control};
    control->stop = (struct letter){.open = on_stop, .owner = control};
    metric_set(shared->names->generation, generation->number);
    return control;
}

const struct reloader *control_reloader(const struct control *control)
{
    return &control->reloader;
}

void control_start(struct control *control, struct worker **workers, int worker_count,
                   void (*on_end)(void *owner), void *owner)
{
    control->installs = mem_alloc((size_t)worker_count * sizeof(*control->installs));
    control->worker_count = worker_count;
    for (int i = 0; i < worker_count; i++) {
        struct install *install = &control->installs[i];
        install_init(install, workers[i], &control->mailbox);
        install->on_prepared = on_prepared;
        install->on_finished = on_finished;
        install->owner = control;
    }
    control->on_end = on_end;
    control->owner = owner;
    apply_settings(control);
    if (pthread_create(&control->thread, NULL, run_thread, control) != 0)
        abort();
    control->has_thread = true;
}

void control_reload(struct control *control)
{
    if (!atomic_exchange(&control->hangup_is_sent, true))
        mailbox_send(&control->mailbox, &control->hangup);
}

void control_stop(struct control *control)
{
    mailbox_send(&control->mailbox, &control->stop);
}

size_t control_free(struct control *control)
{
    if (control->has_thread) {
        pthread_join(control->thread, NULL);
    } else {
        control->is_stopping = true;
        run(control);
        uv_run(&control->loop->uv, UV_RUN_DEFAULT);
    }
    mailbox_deinit(&control->mailbox);
    size_t handles = (size_t)loop_free(control->loop);
    generation_unref(control->current);
    generation_unref(control->previous);
    proof_deinit(&control->proof);
    pthread_mutex_destroy(&control->mutex);
    free(control->installs);
    free(control);
    return handles;
}
