// core.metric: counters, gauges and histograms of scripts.
#pragma once

struct vm;

// Adds core.metric to the table on top of the stack.
void metric_class_open(struct vm *vm);
