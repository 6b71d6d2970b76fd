/*
 * Names in files that are included many times (*_tmpl.h, and the headers below lib/isa). Each file
 * that includes them defines TMPL_SUFFIX before and gets functions of its own: with `#define
 * TMPL_SUFFIX avx2`, a header's v_add() is v_add__avx2() in profiles and backtraces, and no name
 * names two functions of the library.
 */
#ifndef DPI_TEMPLATE_H
#define DPI_TEMPLATE_H

#define TMPL_PASTE_EXPANDED(name, suffix) name##__##suffix
#define TMPL_PASTE(name, suffix) TMPL_PASTE_EXPANDED(name, suffix)
#define TMPL_NAME(name) TMPL_PASTE(name, TMPL_SUFFIX)

#endif /* DPI_TEMPLATE_H */
