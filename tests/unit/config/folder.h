/*
 * folder - configuration folders for the tests: made of texts, loaded, removed.
 *
 * Owns:    test_folder_remove deletes the files it wrote and the folder.
 * Limits:  16 files.
 */
#ifndef ESCALATED_TESTS_CONFIG_FOLDER_H
#define ESCALATED_TESTS_CONFIG_FOLDER_H

#include <stddef.h>

#include "gateway/config/config.h"

#define TEST_FOLDER_FILES_MAX 16

struct test_folder {
    char path[256];
    char *files[TEST_FOLDER_FILES_MAX];
    size_t file_count;
};

void test_folder_make(struct test_folder *folder);
void test_folder_remove(struct test_folder *folder);
const char *test_folder_add(struct test_folder *folder, const char *name, const void *bytes,
                            size_t count, unsigned mode);
void test_folder_text(struct test_folder *folder, const char *name, const char *text);

/* config_load with a failed test when it does not succeed. */
struct config *test_folder_load(const struct test_folder *folder,
                                const struct config_plugins *plugins);

/* Two plugins: `file` without options and `probe` with one of each type. */
const struct config_plugins *test_plugins(void);

#endif
