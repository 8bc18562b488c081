#include "config/suggest.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t rows[3][SUGGEST_LONGEST + 1]; // the last three of the table
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > SUGGEST_LONGEST || b_len > SUGGEST_LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *over = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t changed = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(changed, 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], over[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

bool suggest_is_near(const char *wrong, size_t distance)
{
    size_t len = strlen(wrong);
    return (distance <= 2 || distance <= len / 3) && distance <= len / 2;
}

const char *suggest_name(const char *wrong, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t shortest = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        size_t distance = suggest_distance(wrong, names[i]);
        if (distance < shortest) {
            shortest = distance;
            best = names[i];
        }
    }
    return best && suggest_is_near(wrong, shortest) ? best : NULL;
}
