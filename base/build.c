#define _GNU_SOURCE /* dl_iterate_phdr */
#include "base/build.h"

#include "base/sha256.h"
#include "generated/version.h"

#include <link.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ID = 32 };

/* The note GNU/NT_GNU_BUILD_ID of the first object, which is the program (man dl_iterate_phdr; elf(5), "Notes"). */
static int find_note(struct dl_phdr_info *info, size_t size, void *hex)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        const char *at = (const char *)(info->dlpi_addr + h->p_vaddr), *end = at + h->p_memsz;
        while (h->p_type == PT_NOTE && (size_t)(end - at) > sizeof(ElfW(Nhdr))) {
            ElfW(Nhdr) note;
            memcpy(&note, at, sizeof note);
            const char *name = at + sizeof note, *id = name + (note.n_namesz + 3) / 4 * 4;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
                note.n_descsz <= MAX_ID) {
                for (unsigned k = 0; k < note.n_descsz; k++)
                    sprintf((char *)hex + 2 * k, "%02x", (unsigned)(unsigned char)id[k]);
                return 1;
            }
            at = id + (note.n_descsz + 3) / 4 * 4;
        }
    }
    return 1; /* libraries come after the program: none of theirs */
}

const char *sg_build_id(void)
{
    static char hex[2 * MAX_ID + 1];
    struct sg_err ignored;
    if (!hex[0])
        dl_iterate_phdr(find_note, hex);
    if (!hex[0] && sg_sha256_file("/proc/self/exe", hex, &ignored) != SG_OK)
        strcpy(hex, "unknown");
    return hex;
}

const char *sg_build_name(void)
{
    static char name[120];
    if (!name[0])
        snprintf(name, sizeof name, "synthgrid %s (%s, build %.12s)", SG_VERSION, SG_GIT, sg_build_id());
    return name;
}
