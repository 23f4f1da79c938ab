/* Preloaded into a program whose wall clock is to jump: adds the seconds in the file $CLOCK_JUMP_FILE, eight bytes of
   machine order, to what the wall clock shows. Monotonic clocks stay as they are. Compiled without headers. */
#ifdef __aarch64__
#define CLOCK_GETTIME 113
#define GETTIMEOFDAY 169
#else
#define CLOCK_GETTIME 228
#define GETTIMEOFDAY 96
#endif

struct timespec { long tv_sec, tv_nsec; };
struct timeval { long tv_sec, tv_usec; };
extern long syscall(long number, ...);
extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
extern int close(int descriptor);
extern void *mmap(void *address, unsigned long length, int protection, int flags, int descriptor, long offset);

static const volatile long *shown;

static long jump(void)
{
    const char *path;
    int descriptor;
    void *found;

    if (!shown) {
        path = getenv("CLOCK_JUMP_FILE");
        descriptor = path ? open(path, 0) : -1;
        if (descriptor < 0)
            return 0;
        found = mmap(0, 8, 1, 1, descriptor, 0);
        close(descriptor);
        if (found == (void *)-1)
            return 0;
        shown = found;
    }
    return *shown;
}

int clock_gettime(int clock, struct timespec *now)
{
    int failed = (int)syscall(CLOCK_GETTIME, clock, now);
    if (!failed && (clock == 0 || clock == 5)) /* CLOCK_REALTIME, CLOCK_REALTIME_COARSE */
        now->tv_sec += jump();
    return failed;
}

int gettimeofday(struct timeval *now, void *zone)
{
    int failed = (int)syscall(GETTIMEOFDAY, now, zone);
    if (!failed && now)
        now->tv_sec += jump();
    return failed;
}

long time(long *where)
{
    struct timespec now;
    clock_gettime(0, &now);
    if (where)
        *where = now.tv_sec;
    return now.tv_sec;
}
