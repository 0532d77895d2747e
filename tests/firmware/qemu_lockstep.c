/* A plugin of QEMU: the processor waits at some instructions until it is told to go on.
 *
 *   -plugin LIBRARY,socket=PATH,stop=ADDRESS,stop=ADDRESS...
 *
 * There it writes the number of the stop, a byte, and reads another one: the set of stops to heed from now on.
 * No simulated time passes meanwhile, and devices go on. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What it uses of version 1 of QEMU's interface, whose header distributions leave out. */
typedef struct info info;
typedef struct block block;
typedef struct instruction instruction;
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, void (*translated)(uint64_t, block *));
extern size_t qemu_plugin_tb_n_insns(const block *of);
extern instruction *qemu_plugin_tb_get_insn(const block *of, size_t number);
extern uint64_t qemu_plugin_insn_vaddr(const instruction *of);
extern void qemu_plugin_register_vcpu_insn_exec_cb(instruction *at, void (*executed)(unsigned, void *), int flags,
                                                   void *data);
extern int qemu_plugin_version;
extern int qemu_plugin_install(uint64_t plugin, const info *qemu, int argc, char **argv);

#define STOPS 8u

int qemu_plugin_version = 1;

static uint64_t address[STOPS];
static unsigned stops;
static uint8_t heeded = 0xFF;
static int rig = -1;

static void executed(unsigned processor, void *data)
{
    uint8_t number = (uint8_t)(uintptr_t)data;
    (void)processor;
    if ((heeded >> number & 1u) != 0 && (write(rig, &number, 1) != 1 || read(rig, &heeded, 1) != 1)) {
        exit(EXIT_SUCCESS); /* the test has ended */
    }
}

static void translated(uint64_t plugin, block *of)
{
    (void)plugin;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(of); i++) {
        instruction *one = qemu_plugin_tb_get_insn(of, i);
        for (uintptr_t number = 0; number < stops; number++) {
            if (qemu_plugin_insn_vaddr(one) == address[number]) {
                qemu_plugin_register_vcpu_insn_exec_cb(one, executed, 0, (void *)number);
            }
        }
    }
}

static bool connect_to(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    rig = socket(AF_UNIX, SOCK_STREAM, 0);
    return rig >= 0 && connect(rig, (struct sockaddr *)&to, sizeof to) == 0;
}

int qemu_plugin_install(uint64_t plugin, const info *qemu, int argc, char **argv)
{
    (void)qemu;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (value != NULL && strncmp(argv[i], "stop=", 5) == 0 && stops < STOPS) {
            address[stops++] = strtoull(value + 1, NULL, 0);
        } else if (value == NULL || strncmp(argv[i], "socket=", 7) != 0 || !connect_to(value + 1)) {
            fprintf(stderr, "lockstep: %s\n", argv[i]);
            return 1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
    return 0;
}
