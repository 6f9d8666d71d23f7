/* Handlers in Lua: what they see, what they may not do, and what stops them. */
#include <unistd.h>

#include "handler_helper.h"

static char folder[] = "/tmp/datasync-lua-XXXXXX", path[200];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/mine.lua", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

struct loaded {
    struct catalogue *catalogue;
    struct handlers *h;
    char *items[1], *allowed[2];
    char item[260], prefix[1], io[3], os[3], where[10];
    struct config config;
};

static int load(struct loaded *l, const char *text, bool allow, struct ds_error *err)
{
    memset(l, 0, sizeof *l);
    put_file(path, text);
    snprintf(l->item, sizeof l->item, "%s the options", path);
    snprintf(l->io, sizeof l->io, "io");
    snprintf(l->os, sizeof l->os, "os");
    snprintf(l->where, sizeof l->where, "/x.yaml");
    l->items[0] = l->item;
    l->allowed[0] = l->io;
    l->allowed[1] = l->os;
    l->config = (struct config){.on_invalid = INVALID_ERROR,
                                .handlers = {l->items, 1},
                                .lua_allow = {l->allowed, allow ? 2 : 0},
                                .lua_memory = 8 << 20,
                                .lua_instructions = 1000000};
    l->config.path = l->where;
    l->config.destination.prefix = l->prefix;
    assert_int_equal(catalogue_load(&l->catalogue, NULL, err), 0);
    return handlers_new(&l->h, &l->config, l->catalogue, err);
}

static void unload(struct loaded *l)
{
    handlers_free(l->h);
    catalogue_free(l->catalogue);
}

/* `body` as validate of a change; what it says. */
static int run(const char *body, bool allow, char *reason, size_t size)
{
    struct loaded l;
    struct ds_error err = {0};
    BUF_AUTO struct buf text = {0};
    assert_int_equal(
        buf_printf(&text, "return {entities={'product'}, validate=function(change)\n%s\nend}\n",
                   body),
        0);
    if (load(&l, buf_cstr(&text), allow, &err))
        fail_msg("%s: %s", body, err.message);
    struct model *m = model_new();
    model_change(m, 0, 7, NULL, "7 18446744073709551615 -12.3400 x");
    model_change(m, 0, 7, "8 5 0.0000 -", "8 6 0.0000 y");
    const struct handler *x = &l.h->items[l.h->count - 1];
    struct ds_call call = {.arena = &m->arena, .handler = x};
    int rc = x->h.validate(x->state, &call, model_group(m).items[0]);
    snprintf(reason, size, "%s", call.reason);
    /* whatever has happened, the next call works */
    struct ds_call again = {.arena = &m->arena, .handler = x};
    (void)x->h.validate(x->state, &again, model_group(m).items[0]);
    model_free(m);
    unload(&l);
    return rc;
}

static void passes(const char *body)
{
    char reason[900] = "";
    int rc = run(body, false, reason, sizeof reason);
    if (rc != DS_HANDLER_OK)
        fail_msg("%s: %d %s", body, rc, reason);
}

static void fails(const char *body, const char *part)
{
    char reason[900] = "";
    int rc = run(body, false, reason, sizeof reason);
    if (rc != DS_HANDLER_ERROR || !strstr(reason, part))
        fail_msg("%s: %d '%s' lacks '%s'", body, rc, reason, part);
}

static void changes_are_seen(void **state)
{
    (void)state;
    passes("assert(change.entity == 'product' and change.key == 7)\n"
           "assert(#change.rows == 2 and change.rows[1].table == 'catalog_product_entity')\n"
           "local a, b = change.rows[1], change.rows[2]\n"
           "assert(a.operation == 'insert' and a.before == nil and a.role == 'root')\n"
           "assert(a.after.n == '18446744073709551615' and a.after.d == '-12.3400')\n"
           "assert(math.type(a.after.id) == 'integer' and a.after.t == 'x')\n"
           "assert(b.operation == 'update' and b.before.n == 5 and b.after.n == 6)\n"
           "assert(b.before.t == nil and b.after.t == 'y')\n"
           "assert(options == 'the options')\n"
           "log.info('seen', 1, nil, {}) print('printed')");
}

static void verdicts(void **state)
{
    (void)state;
    char reason[900] = "";
    assert_int_equal(run("return 'too dear'", false, reason, sizeof reason), DS_HANDLER_INVALID);
    assert_string_equal(reason, "too dear");
    assert_int_equal(run("return false, 'no'", false, reason, sizeof reason), DS_HANDLER_INVALID);
    assert_string_equal(reason, "no");
    assert_int_equal(run("return true", false, reason, sizeof reason), DS_HANDLER_OK);
    fails("return {}", "validate gives a table");
    fails("error('broken')", "mine.lua:2: broken");
    fails("error({})", "no text, but a table");
    fails("error(nil)", "no text, but a nil");
    fails("error(setmetatable({}, {__tostring = function() while true do end end}))",
          "but a table");
    fails("local x = nil; return x.y", "attempt to index a nil value");
    fails("db.query('SELECT 1')", "no database here");
    fails("db.query('SELECT 1', {})", "nil, boolean, number or string");
    fails("db.query('SELECT \\0')", "NUL byte");
}

static void the_box_is_closed(void **state)
{
    (void)state;
    static const char *const names[] = {
        "os",     "io",       "debug",     "package",        "require",
        "dofile", "loadfile", "coroutine", "collectgarbage", "warn"};
    char body[200];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(body, sizeof body, "assert(%s == nil)", names[i]);
        passes(body);
    }
    passes("assert(string.dump == nil and math.random == nil and math.randomseed == nil)");
    passes("local f, why = load('\\27Lua'); assert(f == nil and why:find('binary'))");
    passes("local f = load('return 1 + 1', 'x', 'b'); assert(f() == 2)"); /* text, whatever is asked
                                                                             for */
    passes("local f = load('return x', 'x', 't', {x = 5}); assert(f() == 5)");
    passes("local f, why = load('syntax error'); assert(f == nil and why)");
    passes("assert(not pcall(setmetatable, {}, {__gc = function() end}))");
    passes("local s = getmetatable('').__index; assert(s == string and s.dump == nil)");
    passes("assert(_G.os == nil and _ENV.io == nil and string.gsub ~= nil)");
    passes("local ok, why = xpcall(function(a) error('x' .. a, 0) end, function(m) return m .. '!' "
           "end, 'y')\n"
           "assert(not ok and why == 'xy!')\n"
           "local ok, a, b = xpcall(function(...) return ... end, print, 1, 2); assert(ok and a == "
           "1 and b == 2)");
    passes("local t = {3, 1, 2}; table.sort(t); table.insert(t, 4); assert(table.concat(t, ',') == "
           "'1,2,3,4')\n"
           "assert(table.remove(t) == 4 and select('#', table.unpack(t)) == 3 and #table.move(t, "
           "1, 3, 2) == 4)");
    passes("assert(('a-b'):find('-', 1, true) == 2 and ('abc'):match('^(.-)c$') == 'ab')\n"
           "assert(('aaa'):gsub('a', 'b', 2) == 'bba')");
}

static void endless_loops_end(void **state)
{
    (void)state;
    static const char limit[] = "lua.instructions";
    fails("while true do end", limit);
    fails("while true do pcall(function() while true do end end) end", limit);
    fails("local function f() pcall(f) while true do end end f()", limit);
    fails("xpcall(function() while true do end end, function() while true do end end)", limit);
    fails("local x <close> = setmetatable({}, {__close = function() while true do end end})",
          limit);
    fails("local x <close> = setmetatable({}, {__close = function() while true do end end}) "
          "error('x')",
          limit);
    fails(
        "for i = 1, 100 do pcall(string.rep, 'x', 1e9) pcall(function() while true do end end) end",
        limit);
    fails("local s = ('x'):rep(100000); while true do s:upper() end", limit);
    fails("table.sort({3, 2, 1}, function() while true do end end)", limit);
    fails("('x'):gsub('.', function() while true do end end)", limit);
    fails("setmetatable({}, {__index = function() while true do end end}).x = nil\n"
          "return setmetatable({}, {__index = function() while true do end end}).x",
          limit);
    fails("load('while true do end')()", limit);
    fails("local t = setmetatable({}, {__tostring = function() while true do end end}) print(t)",
          limit);
    /* these would loop in C */
    fails("table.move({}, 1, math.maxinteger // 2, 2)", "may move at once");
    fails("table.insert(setmetatable({}, {__len = function() return 2^53 end}), 1, 'x')", "__len");
    fails("table.concat(setmetatable({}, {__len = function() return 2^53 end}))", "__len");
    fails("local s = ('a'):rep(100000) s:find('(.-)(.-)(.-)(.-)b')", "repetitions");
    fails("local s = ('a'):rep(100000) s:gsub('.-.-.-.-b', '', 1)", "repetitions");
    fails("local s = ('a'):rep(40) s:find(('a?'):rep(40) .. 'b')", "repetitions");
    passes("assert(string.rep('', math.maxinteger) == '' and ('').rep('', 1 << 60, '') == '')\n"
           "assert(('ab'):rep(2, '-') == 'ab-ab' and ('x'):rep(-1, '-') == '')\n"
           "assert(('colour'):match('^colou?r$') and utf8.len('\\u{e4}b') == 2 and tonumber('ff', "
           "16) == 255)\n"
           "local t = {1, 2} table.insert(t, 1, 0) assert(table.remove(t, 1) == 0 and #t == 2)");
    /* these would take minutes below the limit of what Lua itself runs */
    fails("local s = ('x'):rep(4000000) while true do utf8.len(s) end", limit);
    fails("local s = ('x'):rep(4000000) while true do utf8.offset(s, #s) end", limit);
    fails("local s = (' '):rep(4000000) while true do tonumber(s) end", limit);
    fails("local s = ('x'):rep(4000000) while true do s:find('y', 1, true) end", limit);
    fails("local s = '--' .. ('x'):rep(2000000) while true do load(s) end", limit);
    fails("local t = {} for i = 1, 50000 do t[i] = i end\n"
          "while true do table.insert(t, 1, 0) table.remove(t, 1) end",
          limit);
    fails("local t = {} for i = 1, 50000 do t[i] = i end while true do table.sort(t) end", limit);
    fails("local t = {} while true do table.move(t, 1, 900000, 2, {}) end", limit);
    fails("local t = {} while true do local a = table.unpack(t, 1, 900000) end", "");
}

static void memory_is_bounded(void **state)
{
    (void)state;
    static const char limit[] = "lua.memory";
    fails("return ('x'):rep(1 << 30)", limit);
    fails("local t = {} for i = 1, 1e9 do t[i] = 'x' .. i end", "lua.");
    passes("local ok, why = pcall(string.rep, 'x', 1 << 30); assert(not ok and why == 'not enough "
           "memory')");
    fails("local function f() return f() + 1 end f()", "lua.");
    fails("local s = 'x' while true do s = s .. s end", limit);
    fails("local t = {} while true do t = {t} end", "lua.");
}

static void allowed_libraries(void **state)
{
    (void)state;
    char reason[900] = "";
    assert_int_equal(
        run("assert(os.time() > 0 and os.exit == nil and io.open)", true, reason, sizeof reason),
        DS_HANDLER_OK);
}

static void refused(const char *text, const char *part)
{
    struct loaded l;
    struct ds_error err = {0};
    int rc = load(&l, text, false, &err);
    if (rc != DS_EUSAGE || !strstr(err.message, part) || !strstr(err.message, "mine.lua"))
        fail_msg("%s: '%s' lacks '%s'", text, err.message, part);
    unload(&l);
}

static void wrong_files_are_refused(void **state)
{
    (void)state;
    refused("x = ", "mine.lua:1:");
    refused("return 5", "returns a number");
    refused("return {}", "no list `entities`");
    refused("return {entities={}}", "names no entities");
    refused("return {entities={5}}", "list of names");
    refused("return {entities={'prodct'}}", "no entity 'prodct'");
    refused("return {entities={'product'}, validat=print}", "'validat'");
    refused("return {entities={'product'}, validate=5}", "validate is no function");
    refused("while true do end", "lua.instructions");
    refused("local s = ('x'):rep(1 << 30)", "lua.memory");
    refused("error('at start')", "at start");
    refused("db.query('SELECT 1')", "no database here");
    refused("\27Lua", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_seen),        cmocka_unit_test(verdicts),
        cmocka_unit_test(the_box_is_closed),       cmocka_unit_test(endless_loops_end),
        cmocka_unit_test(memory_is_bounded),       cmocka_unit_test(allowed_libraries),
        cmocka_unit_test(wrong_files_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
