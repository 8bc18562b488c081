// The body of a request as a document, for scripts: what req:document() gives.
#pragma once

struct vm;

// Registers the class.
void document_class_open(struct vm *vm);

// Adds document, replace_body and needs_scan to the class of requests, on top of the stack. A
// document may outlive its request; its methods raise then.
void document_class_add_methods(struct vm *vm);
