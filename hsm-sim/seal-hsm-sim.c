/*
 * seal-hsm-sim: a PKCS#11 module that forwards every call to a real one (SoftHSM) and behaves, on the way, like an HSM that is slow, has a
 * capacity, and fails. README.md describes the settings.
 *
 * How: C_GetFunctionList copies the real module's function list and puts functions of its own in place of those that can be made to
 * fail. Each of them is `enter` (control file, fault, hang), the real call, `leave`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define DEFAULT_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define RULES_MAX 64
#define SLOTS_MAX 64
#define LINE_BYTES_MAX 256
#define SIGNATURE_BYTES_MAX 4096
#define NANOSECONDS_PER_SECOND 1000000000LL
#define NANOSECONDS_PER_MILLISECOND 1000000LL

/* Every function that a rule may name; the rest of the list is the real module's. */
#define FUNCTIONS(X)                                                                                                                \
    X(C_Initialize) X(C_Finalize) X(C_GetSlotList) X(C_GetTokenInfo) X(C_OpenSession) X(C_CloseSession) X(C_GetSessionInfo)        \
    X(C_Login) X(C_FindObjectsInit) X(C_FindObjects) X(C_GetAttributeValue) X(C_SignInit) X(C_Sign)

enum function {
#define X(name) FN_##name,
    FUNCTIONS(X)
#undef X
    FUNCTION_COUNT
};

static const char *const function_names[FUNCTION_COUNT] = {
#define X(name) #name,
    FUNCTIONS(X)
#undef X
};

/* `fail` has a return value and no hang; `hang` the reverse. It hits each `every`-th call, `left` times at most (-1: for ever). */
struct rule {
    enum function function;
    CK_RV rv;
    long hang_ms;
    long every;
    long left;
    long calls;
};

static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static CK_FUNCTION_LIST *real;     /* written by load, once */
static CK_FUNCTION_LIST list;      /* written by load, once */
static const char *control_path;   /* written by load, once */

/* Held for reading around every call that goes through here, for writing while sessions are dropped. */
static pthread_rwlock_t calls_lock = PTHREAD_RWLOCK_INITIALIZER;

/* All below is guarded by state_lock. */
static pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static int rule_count;
static bool drop_sessions;
static long default_latency_ms, latency_ms;
static long default_signs_per_second, signs_per_second;
static long long next_sign_ns; /* when the capacity allows the next signature */
static struct stat control_seen;
static CK_SLOT_ID slots[SLOTS_MAX]; /* that a session was ever opened in */
static int slot_count;

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

static void sleep_until(long long at_ns)
{
    struct timespec at = { .tv_sec = at_ns / NANOSECONDS_PER_SECOND, .tv_nsec = at_ns % NANOSECONDS_PER_SECOND };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

/* One line of the control file; false when it is not understood. */
static bool parse_line(char *line)
{
    char name[32], unit[16];
    long value, number;
    int used = 0;
    struct rule rule = { .every = 1, .left = -1 };

    line[strcspn(line, "#\r\n")] = '\0';
    line += strspn(line, " \t");
    if (*line == '\0')
        return true;
    if (strcmp(line, "drop-sessions") == 0) {
        drop_sessions = true;
        return true;
    }
    if (sscanf(line, "sign-latency-ms %ld %n", &value, &used) == 1 && line[used] == '\0' && value >= 0) {
        latency_ms = value;
        return true;
    }
    if (sscanf(line, "signs-per-second %ld %n", &value, &used) == 1 && line[used] == '\0' && value >= 0) {
        signs_per_second = value;
        return true;
    }
    if (sscanf(line, "fail %31s %li %n", name, &value, &used) == 2 && value > 0)
        rule.rv = (CK_RV)value;
    else if (sscanf(line, "hang %31s ms %ld %n", name, &value, &used) == 2 && value > 0)
        rule.hang_ms = value;
    else
        return false;

    for (char *rest = line + used; *rest != '\0'; rest += used) {
        if (sscanf(rest, "%15s %ld %n", unit, &number, &used) != 2 || number <= 0)
            return false;
        if (strcmp(unit, "count") == 0)
            rule.left = number;
        else if (strcmp(unit, "every") == 0)
            rule.every = number;
        else
            return false;
    }
    for (int i = 0; i < FUNCTION_COUNT; i++) {
        if (strcmp(name, function_names[i]) != 0)
            continue;
        if (rule_count == RULES_MAX)
            return false;
        rule.function = (enum function)i;
        rules[rule_count++] = rule;
        return true;
    }
    return false;
}

/* Reads the control file anew when it is another file than last time. Its absence means no rules. */
static void refresh_rules_locked(void)
{
    struct stat now = { 0 };
    if (control_path == NULL)
        return;
    stat(control_path, &now); /* not there: all zeros */
    if (now.st_mtim.tv_sec == control_seen.st_mtim.tv_sec && now.st_mtim.tv_nsec == control_seen.st_mtim.tv_nsec
        && now.st_size == control_seen.st_size && now.st_ino == control_seen.st_ino)
        return;
    control_seen = now;
    rule_count = 0;
    drop_sessions = false;
    latency_ms = default_latency_ms;
    signs_per_second = default_signs_per_second;
    next_sign_ns = 0;

    FILE *file = fopen(control_path, "re");
    if (file == NULL)
        return;
    char line[LINE_BYTES_MAX];
    for (int number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        if (!parse_line(line))
            fprintf(stderr, "seal-hsm-sim: %s:%d is not understood and does nothing\n", control_path, number);
    }
    fclose(file);
}

/* The first rule that hits this call decides; CKR_OK when none makes it fail. */
static CK_RV hit_locked(enum function function, long *hang_ms)
{
    for (struct rule *rule = rules; rule < rules + rule_count; rule++) {
        if (rule->function != function || rule->left == 0 || ++rule->calls % rule->every != 0)
            continue;
        if (rule->left > 0)
            rule->left--;
        *hang_ms = rule->hang_ms;
        return rule->rv;
    }
    return CKR_OK;
}

/* What an HSM does when its network is gone for a moment: every session ends, and with the last one the login. */
static void drop_all_sessions(const CK_SLOT_ID *of_slots, int count)
{
    pthread_rwlock_wrlock(&calls_lock);
    for (int i = 0; i < count; i++)
        real->C_CloseAllSessions(of_slots[i]);
    pthread_rwlock_unlock(&calls_lock);
}

/* Before the real call. Returns what the call shall fail with, or CKR_OK. `leave` must follow. */
static CK_RV enter(enum function function)
{
    CK_SLOT_ID dropped[SLOTS_MAX];
    int dropped_count = 0;
    long hang_ms = 0;

    pthread_mutex_lock(&state_lock);
    refresh_rules_locked();
    if (drop_sessions) {
        drop_sessions = false;
        dropped_count = slot_count;
        memcpy(dropped, slots, sizeof slots);
    }
    CK_RV rv = hit_locked(function, &hang_ms);
    pthread_mutex_unlock(&state_lock);

    if (dropped_count > 0)
        drop_all_sessions(dropped, dropped_count);
    if (hang_ms > 0)
        sleep_until(now_ns() + hang_ms * NANOSECONDS_PER_MILLISECOND);
    pthread_rwlock_rdlock(&calls_lock);
    return rv;
}

static void leave(void)
{
    pthread_rwlock_unlock(&calls_lock);
}

/* The time that a signature takes: its turn in the HSM's capacity, which all threads share, then the round trip. */
static void wait_for_signature(void)
{
    pthread_mutex_lock(&state_lock);
    long long done_ns = now_ns();
    if (signs_per_second > 0) {
        if (next_sign_ns > done_ns)
            done_ns = next_sign_ns;
        next_sign_ns = done_ns + NANOSECONDS_PER_SECOND / signs_per_second;
    }
    done_ns += latency_ms * NANOSECONDS_PER_MILLISECOND;
    bool waits = signs_per_second > 0 || latency_ms > 0;
    pthread_mutex_unlock(&state_lock);
    if (waits)
        sleep_until(done_ns);
}

static void remember_slot(CK_SLOT_ID slot)
{
    pthread_mutex_lock(&state_lock);
    int i = 0;
    while (i < slot_count && slots[i] != slot)
        i++;
    if (i == slot_count && slot_count < SLOTS_MAX)
        slots[slot_count++] = slot;
    pthread_mutex_unlock(&state_lock);
}

/* A function that only forwards. */
#define FORWARD(name, parameters, arguments)                                                                                        \
    static CK_RV sim_##name parameters                                                                                             \
    {                                                                                                                              \
        CK_RV rv = enter(FN_##name);                                                                                               \
        if (rv == CKR_OK)                                                                                                          \
            rv = real->name arguments;                                                                                             \
        leave();                                                                                                                   \
        return rv;                                                                                                                 \
    }

FORWARD(C_Initialize, (void *arguments), (arguments))
FORWARD(C_Finalize, (void *reserved), (reserved))
FORWARD(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID *ids, CK_ULONG *count), (present, ids, count))
FORWARD(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info))
FORWARD(C_CloseSession, (CK_SESSION_HANDLE session), (session))
FORWARD(C_GetSessionInfo, (CK_SESSION_HANDLE session, CK_SESSION_INFO *info), (session, info))
FORWARD(C_Login, (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG pin_bytes), (session, user, pin, pin_bytes))
FORWARD(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count), (session, template, count))
FORWARD(C_FindObjects, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count),
        (session, objects, max, count))
FORWARD(C_GetAttributeValue, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count),
        (session, object, template, count))
FORWARD(C_SignInit, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key), (session, mechanism, key))

static CK_RV sim_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
    CK_RV rv = enter(FN_C_OpenSession);
    if (rv == CKR_OK) {
        remember_slot(slot);
        rv = real->C_OpenSession(slot, flags, application, notify, session);
    }
    leave();
    return rv;
}

static CK_RV sim_C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_bytes, CK_BYTE *signature, CK_ULONG *signature_bytes)
{
    CK_RV rv = enter(FN_C_Sign);
    if (rv == CKR_OK) {
        wait_for_signature();
        rv = real->C_Sign(session, data, data_bytes, signature, signature_bytes);
    } else {
        /* PKCS#11 ends the operation with a C_Sign that fails, so the real module's is ended too; its signature goes nowhere. */
        CK_BYTE discarded[SIGNATURE_BYTES_MAX];
        CK_ULONG discarded_bytes = sizeof discarded;
        real->C_Sign(session, data, data_bytes, discarded, &discarded_bytes);
    }
    leave();
    return rv;
}

static long setting(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long value = text == NULL ? 0 : strtol(text, &end, 10);
    if (text != NULL && (end == text || *end != '\0' || value < 0)) {
        fprintf(stderr, "seal-hsm-sim: %s is not a number: %s\n", name, text);
        return 0;
    }
    return value;
}

static void load(void)
{
    const char *path = getenv("SEAL_HSM_SIM_MODULE");
    if (path == NULL || *path == '\0')
        path = DEFAULT_MODULE;
    control_path = getenv("SEAL_HSM_SIM_CONTROL");
    if (control_path != NULL)
        control_path = strdup(control_path); /* the environment may change; never freed, the module stays loaded */
    latency_ms = default_latency_ms = setting("SEAL_HSM_SIM_SIGN_LATENCY_MS");
    signs_per_second = default_signs_per_second = setting("SEAL_HSM_SIM_SIGNS_PER_SECOND");

    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (get == NULL) {
        fprintf(stderr, "seal-hsm-sim: no PKCS#11 module at %s: %s\n", path, dlerror());
        return;
    }
    CK_FUNCTION_LIST *loaded;
    if (get(&loaded) != CKR_OK) {
        fprintf(stderr, "seal-hsm-sim: %s gives no function list\n", path);
        return;
    }
    real = loaded;
    list = *loaded;
    list.C_GetFunctionList = C_GetFunctionList;
#define X(name) list.name = sim_##name;
    FUNCTIONS(X)
#undef X
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **function_list)
{
    if (function_list == NULL)
        return CKR_ARGUMENTS_BAD;
    pthread_once(&load_once, load);
    if (real == NULL)
        return CKR_GENERAL_ERROR;
    *function_list = &list;
    return CKR_OK;
}
