/* A fuzzing harness without a fuzzer, for compilers that have none: each argument is a file with an input. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define INPUT_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    static uint8_t data[INPUT_MAX];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 2;
        }
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
