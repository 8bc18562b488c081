#include "worker/install.h"

#include "lua/loading.h"

// ---- on the worker's loop ---------------------------------------------------------------------

static void on_built(void *owner, const struct error *err)
{
    struct install *install = owner;
    if (err)
        install->err = *err;
    mailbox_send(install->home, &install->prepared);
}

static void prepare(void *owner)
{
    struct install *install = owner;
    vm_prepare(worker_vm(install->worker), install->generation, on_built, install);
}

static void finish(void *owner)
{
    struct install *install = owner;
    struct vm *vm = worker_vm(install->worker);

    if (install->is_commit) {
        vm_commit(vm);
        worker_on_commit(install->worker);
    } else {
        vm_drop(vm);
    }
    mailbox_send(install->home, &install->finished);
}

// ---- at home ----------------------------------------------------------------------------------

static void on_prepared(void *owner)
{
    struct install *install = owner;
    install->on_prepared(install->owner, install);
}

static void on_finished(void *owner)
{
    struct install *install = owner;
    install->on_finished(install->owner, install);
}

void install_init(struct install *install, struct worker *worker, struct mailbox *home)
{
    install->worker = worker;
    install->home = home;
    install->prepare = (struct letter){.open = prepare, .owner = install};
    install->prepared = (struct letter){.open = on_prepared, .owner = install};
    install->finish = (struct letter){.open = finish, .owner = install};
    install->finished = (struct letter){.open = on_finished, .owner = install};
}

void install_prepare(struct install *install, struct generation *generation)
{
    install->generation = generation;
    install->err = (struct error){ERROR_NONE, ""};
    mailbox_send(worker_mailbox(install->worker), &install->prepare);
}

void install_finish(struct install *install, bool is_commit)
{
    install->is_commit = is_commit;
    mailbox_send(worker_mailbox(install->worker), &install->finish);
}
