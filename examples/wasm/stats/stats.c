/* stats tells number, sum, smallest and largest of the numbers that it reads, separated by white space. It is an example of a program in C
   that runs as a module of WebAssembly. What is no number ends it with exit code 1, and what it says then becomes the error of the item. */
#include <stdio.h>
#include <stdlib.h>

int main(void) {
	double sum = 0, least = 0, most = 0;
	long count = 0;
	char word[400];
	while (scanf("%399s", word) == 1) {
		char *end;
		double n = strtod(word, &end);
		if (*end != 0) {
			fprintf(stderr, "%s is no number\n", word);
			return 1;
		}
		if (count == 0 || n < least) least = n;
		if (count == 0 || n > most) most = n;
		sum += n;
		count++;
	}
	printf("{\"count\": %ld, \"sum\": %.15g, \"least\": %.15g, \"most\": %.15g}\n", count, sum, least, most);
	return 0;
}
