#include "loop/mailbox.h"

#include <stddef.h>

static void open_all(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    struct letter *letter = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->mutex);
    while (letter) {
        struct letter *next = letter->next;
        letter->open(letter->owner);
        letter = next;
    }
}

static void on_wake(uv_async_t *wake)
{
    loop_woke(wake->loop->data);
    open_all(wake->data);
}

void mailbox_open(struct mailbox *mailbox, struct loop *loop)
{
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    mailbox->is_closed = false;
    mailbox->wake.data = mailbox;
    pthread_mutex_init(&mailbox->mutex, NULL);
    uv_async_init(&loop->uv, &mailbox->wake, on_wake);
}

bool mailbox_send(struct mailbox *mailbox, struct letter *letter)
{
    pthread_mutex_lock(&mailbox->mutex);
    bool is_sent = !mailbox->is_closed;
    if (is_sent) {
        letter->next = NULL;
        *mailbox->last = letter;
        mailbox->last = &letter->next;
        uv_async_send(&mailbox->wake); // under the lock: the handle is not closed meanwhile
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return is_sent;
}

void mailbox_close(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->is_closed = true;
    pthread_mutex_unlock(&mailbox->mutex);
    open_all(mailbox);
    uv_close((uv_handle_t *)&mailbox->wake, NULL);
}

void mailbox_deinit(struct mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->mutex);
}
