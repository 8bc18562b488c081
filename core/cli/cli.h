// The command line: a table of commands.
#pragma once

// Runs the command. Returns the exit status: 0 done, 1 failed, 2 used wrongly.
int cli_main(int argc, char **argv);
