/* Stand-in for every shared library of the demo disk. */
static const char name[64] = "@@NAME@@";

const char *library_name(void)
{
	return name;
}
