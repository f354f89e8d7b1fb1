/* Inert stand-in for an IRC bot: it holds the strings that such a program
 * holds, prints them, and ends. It opens no socket and runs nothing. */
#include <stdio.h>

static const char *const text[] = {
	"usage: %s <server> <port> <#channel>",
	"bot.example.org",
	"6667",
	"NICK %s",
	"USER %s 8 * :%s",
	"JOIN %s %s",
	"PRIVMSG %s :ready on %s, %d cores",
	"PING :%s",
	"PONG :%s",
	"NOTICE %s :commands: !udp <host> <port> <seconds>, !scan <net>, !get <url>, !sh <line>, !die",
	"#w3b",
	"/var/tmp/.. /bot.log",
	"inert stand-in for the demo disk",
};

int main(void)
{
	for (unsigned i = 0; i < sizeof text / sizeof *text; i++)
		puts(text[i]);
	return 0;
}
