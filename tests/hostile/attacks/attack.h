/* What all attacks share: each says on standard output, one line per attempt, whether it got through. */
#ifndef ATTACK_H
#define ATTACK_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Says "OPEN name" if the attempt got through, "shut name: why" if errno says why not. */
void tell(int got_through, const char *name);

/* Says the same of a system call given nonsense: whether the kernel looked at its arguments at all. */
void tell_reached(long result, const char *name);

typedef int attack(int count, char **words);
attack read_file, write_file, change_file, truncate_file, list_descriptors;
attack use_network, use_families;
attack signal_process, trace_process, limit_process, call_kernel, mount_something;
attack fork_bomb, memory_bomb, disk_bomb, nameless_bomb, watch_bomb, file_bomb, survive, never_end;
attack become_root, use_device, swap_output, flood;

#endif
