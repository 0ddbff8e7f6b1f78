/* Loaded before libc by tests: a sync waits as long as there is a file of the name in GUARDA_TEST_GATE. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd)
{
	const char *gate = getenv("GUARDA_TEST_GATE");

	while (gate && access(gate, F_OK) == 0)
		usleep(1000);
	return syscall(SYS_fdatasync, fd);
}
