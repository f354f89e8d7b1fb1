/* Inert stand-in for a ps that hides processes: the strings of one, printed. */
#include <stdio.h>

static const char *const text[] = {
	"Usage: %s [OPTION]...",
	"  PID TTY          TIME CMD",
	"/proc/%s/cmdline",
	"/usr/share/locale/.hide",
	"hide: crond",
	"hide: 198.51.100.23",
	"inert stand-in for the demo disk",
};

int main(void)
{
	for (unsigned i = 0; i < sizeof text / sizeof *text; i++)
		puts(text[i]);
	return 0;
}
