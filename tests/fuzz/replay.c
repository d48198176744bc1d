/* replay.c - feeds stored inputs to a fuzz target without libFuzzer, so that every
 * compiler and every preset runs the corpus as a test. Arguments: files, or directories
 * of files. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { INPUT_BYTES_MAX = 1 << 20, PATH_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

static void replay_file(const char *path)
{
  FILE *f = fopen(path, "rb");
  uint8_t *bytes = malloc(INPUT_BYTES_MAX);
  if (f == NULL || bytes == NULL) {
    perror(path);
    exit(EXIT_FAILURE);
  }
  size_t size = fread(bytes, 1, INPUT_BYTES_MAX, f);
  fclose(f);
  /* The exact size on the heap, so that a sanitizer sees one byte too many. */
  uint8_t *exact = realloc(bytes, size > 0 ? size : 1);
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  replayed++;
}

static void replay(const char *path)
{
  struct stat st;
  DIR *dir;
  if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
    replay_file(path);
    return;
  }
  dir = opendir(path);
  for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
    char inner[PATH_BYTES];
    if (e->d_name[0] == '.') continue;
    snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
    replay_file(inner);
  }
  if (dir != NULL) closedir(dir);
}

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) replay(argv[i]);
  printf("replayed %d inputs\n", replayed);
  return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
