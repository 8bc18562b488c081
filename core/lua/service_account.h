// core.service_account, core.sign_rs256 and core.add_secret (described in api.h): what it takes to
// sign in to Google. A private key is never a Lua string.
#pragma once

struct vm;

// Adds them to the table on top of the stack.
void service_account_open(struct vm *vm);
