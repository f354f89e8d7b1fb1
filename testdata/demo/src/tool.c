/* Stand-in for every program of the demo disk. It prints one line and ends.
 * build patches NAME with the program's name, so one compilation serves all. */
#include <stdio.h>

static const char name[64] = "@@NAME@@";
static const char usage[] = "Usage: %s [OPTION]...\n";
static const char note[] = "stand-in for the demo disk: prints this line and does nothing\n";

int main(int argc, char **argv)
{
	if (argc > 1)
		printf(usage, argv[0]);
	fputs(name, stdout);
	fputs(": ", stdout);
	fputs(note, stdout);
	return 0;
}
