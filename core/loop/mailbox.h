// Letters from other threads to one loop. A letter is embedded in what it is about, so that sending
// one takes no memory and cannot fail for want of it.
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "loop/loop.h"

struct letter {
    struct letter *next; // in the mailbox
    // Runs on the mailbox's loop; from its first line on the letter may be sent again.
    void (*open)(void *owner);
    void *owner;
};

// Embedded in its owner.
struct mailbox {
    uv_async_t wake;
    pthread_mutex_t mutex; // guards the three below
    struct letter *first, **last;
    bool is_closed;
};

void mailbox_open(struct mailbox *mailbox, struct loop *loop);

// Any thread. The letter is the mailbox's until it is opened; letters are opened in their order.
// False, and it is not sent, when the mailbox is closed.
bool mailbox_send(struct mailbox *mailbox, struct letter *letter);

// On the loop's thread: opens what is there and takes no more. The handle is closed as the loop
// turns.
void mailbox_close(struct mailbox *mailbox);

// When no thread can send any more.
void mailbox_deinit(struct mailbox *mailbox);
