/*
 * What gcc and glibc put into every shared library, and ziglang's linker does not: its handlers of
 * fork() are registered as its own, and are gone when it is unloaded.
 */
typedef void (*handler)(void);

extern int __register_atfork(handler prepare, handler parent, handler child, void *library);
extern void __cxa_finalize(void *library);

__attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;

__attribute__((visibility("hidden"))) int pthread_atfork(handler prepare, handler parent,
                                                         handler child) {
    return __register_atfork(prepare, parent, child, __dso_handle);
}

__attribute__((destructor)) static void finalize(void) {
    __cxa_finalize(__dso_handle);
}
