/* A plugin for QEMU's emulated processor: it counts instructions, and writes the count wherever a program marks a place.
 *
 *   -plugin counter.so,out=FILE[,profile=FILE]
 *
 * The first file gets a line a mark, "NUMBER COUNT"; the second, at the last mark of the last run, a line for each piece of
 * code that was executed since the first mark of it: "ADDRESS COUNT" (kernels and programs with the same address are one). The machine of Tests/Lab with this beside it measures how much work something
 * is, whatever the load of the host; what guests of that machine execute is counted too. Of the interface of plugins,
 * docs/devel/tcg-plugins.rst of QEMU 7.2, only what is used is declared here: Debian has no package with its header. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"

struct tb;
struct insn;
typedef uint64_t plugin_id;

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*callback)(plugin_id, struct tb *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct tb *tb, int operation, void *target, uint64_t value);
extern void qemu_plugin_register_vcpu_insn_exec_cb(
    struct insn *insn, void (*callback)(unsigned, void *), int flags, void *context);
extern uint64_t qemu_plugin_tb_vaddr(const struct tb *tb);
extern size_t qemu_plugin_tb_n_insns(const struct tb *tb);
extern struct insn *qemu_plugin_tb_get_insn(const struct tb *tb, size_t index);
extern const void *qemu_plugin_insn_data(const struct insn *insn);
extern size_t qemu_plugin_insn_size(const struct insn *insn);

int qemu_plugin_version = 1;

enum { add_u64 = 0, no_registers = 0 };

static uint64_t executed;
static FILE *out;
static const char *profile;

/* The pieces of code, by address; a full table takes no more. */
static struct piece {
    uint64_t address, count;
} pieces[1 << 20];

static struct piece *piece_at(uint64_t address)
{
    size_t place = (address * 0x9e3779b97f4a7c15u) >> 44;
    for (size_t tries = 0; tries < 64; tries++, place = (place + 1) % (1 << 20)) {
        if (pieces[place].address == 0)
            pieces[place].address = address;
        if (pieces[place].address == address)
            return &pieces[place];
    }
    return NULL;
}

static void write_profile(void)
{
    FILE *file = fopen(profile, "w");
    for (size_t place = 0; file && place < 1 << 20; place++)
        if (pieces[place].count > 0)
            fprintf(file, "%" PRIx64 " %" PRIu64 "\n", pieces[place].address, pieces[place].count);
    if (file)
        fclose(file);
}

static void marked(unsigned processor, void *context)
{
    (void)processor;
    if (profile && (uintptr_t)context == 1)
        for (size_t place = 0; place < 1 << 20; place++)
            pieces[place].count = 0;
    if (profile && (uintptr_t)context == 3)
        write_profile();
    fprintf(out, "%u %" PRIu64 "\n", (unsigned)(uintptr_t)context, executed);
    fflush(out);
}

static void translated(plugin_id id, struct tb *tb)
{
    (void)id;
    static const unsigned char head[] = MARK_HEAD, tail[] = MARK_TAIL;
    size_t count = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, add_u64, &executed, count);
    struct piece *piece = profile ? piece_at(qemu_plugin_tb_vaddr(tb)) : NULL;
    if (piece)
        qemu_plugin_register_vcpu_tb_exec_inline(tb, add_u64, &piece->count, count);
    for (size_t index = 0; index < count; index++) {
        struct insn *insn = qemu_plugin_tb_get_insn(tb, index);
        const unsigned char *bytes = qemu_plugin_insn_data(insn);
        if (qemu_plugin_insn_size(insn) == 8 && memcmp(bytes, head, sizeof head) == 0 &&
            memcmp(bytes + 5, tail, sizeof tail) == 0)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, no_registers, (void *)(uintptr_t)bytes[4]);
    }
}

int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments)
{
    (void)info;
    for (int index = 0; index < count; index++) {
        if (strncmp(arguments[index], "out=", 4) == 0)
            out = fopen(arguments[index] + 4, "w");
        else if (strncmp(arguments[index], "profile=", 8) == 0)
            profile = strdup(arguments[index] + 8);
    }
    if (!out)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
