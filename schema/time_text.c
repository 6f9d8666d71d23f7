#include "schema/time_text.h"

#include <ctype.h>
#include <string.h>

static bool has_form(struct slice v, bool *clock)
{
    static const char form[] = "dddd-dd-dd dd:dd:dd";
    size_t i = 0;
    for (; form[i] && i < v.len; i++) {
        if (form[i] == ' ' ? v.p[i] != ' ' && v.p[i] != 'T'
                           : (form[i] == 'd' ? !isdigit(v.p[i]) : v.p[i] != (uint8_t)form[i]))
            break;
    }
    *clock = i >= 16;
    if (i != 10 && i != 16 && i != 19)
        return false;
    if (i == 19 && i < v.len && v.p[i] == '.')
        for (i++; i < v.len && isdigit(v.p[i]);)
            i++;
    return i == v.len || (*clock && i + 1 == v.len && v.p[i] == 'Z');
}

static int two_digits(const char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}

static bool is_possible(const char *text)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    size_t len = strlen(text);
    int century = two_digits(text), year = two_digits(text + 2), month = two_digits(text + 5),
        day = two_digits(text + 8);
    bool leap = year % 4 == 0 && (year || century % 4 == 0);
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] &&
           (month != 2 || day < 29 || leap) &&
           (len < 16 || (two_digits(text + 11) < 24 && two_digits(text + 14) < 60)) &&
           (len < 19 || two_digits(text + 17) < 60);
}

bool time_text_read(struct slice text, char out[TIME_TEXT_SIZE])
{
    bool clock;
    if (!has_form(text, &clock))
        return false;
    size_t n = text.len < TIME_TEXT_SIZE - 1 ? text.len : TIME_TEXT_SIZE - 1;
    n -= n > 10 && text.p[n - 1] == 'Z';
    memcpy(out, text.p, n);
    out[n] = '\0';
    if (clock)
        out[10] = ' ';
    return is_possible(out);
}

bool time_text_is_date(const char *text)
{
    char out[TIME_TEXT_SIZE];
    return strlen(text) == 10 &&
           time_text_read((struct slice){(const uint8_t *)text, strlen(text)}, out);
}
