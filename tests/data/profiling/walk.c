/* What the recordings in this folder are of: one loop that streams, one that computes, one that
   follows pointers, each in a function of its own. gcc 12.2: cc -O2 -fno-inline -o walk walk.c */
#include <stdio.h>
#include <stdlib.h>

enum { CELLS = 1 << 18 };

static unsigned stream(const unsigned *cells, int rounds) {
    unsigned sum = 0;
    for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < CELLS; i += 16) {
            sum += cells[i];
        }
    }
    return sum;
}

static unsigned compute(unsigned value, int steps) {
    for (int i = 0; i < steps; ++i) {
        value = value * 1664525u + 1013904223u;
        value ^= value >> 7;
    }
    return value;
}

static unsigned follow(const unsigned *cells, int steps) {
    unsigned at = 0;
    for (int i = 0; i < steps; ++i) {
        at = cells[at];
    }
    return at;
}

unsigned walk(unsigned *cells, int rounds) {
    for (unsigned i = 0; i < CELLS; ++i) {
        cells[i] = compute(i, 1) % CELLS;
    }
    unsigned sum = 0;
    for (int round = 0; round < rounds; ++round) {
        sum += stream(cells, 4) + compute(sum, 50000) + follow(cells, 20000);
    }
    return sum;
}

int main(int count, char **words) {
    unsigned *cells = malloc(CELLS * sizeof *cells);
    printf("%u\n", walk(cells, count > 1 ? atoi(words[1]) : 1));
    free(cells);
    return 0;
}
