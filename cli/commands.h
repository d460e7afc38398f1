/* The commands, one a file (cmd_<name>.c); main.c lists them. argc and argv are what follows the command's
 * name; the result is the program's exit code (base/err.h). */
#ifndef SG_CLI_COMMANDS_H
#define SG_CLI_COMMANDS_H

struct sg_command {
    const char *name, *arguments, *help; /* arguments as in "STUDY [key=value...]" */
    int (*run)(int argc, char **argv);
};

extern const struct sg_command sg_command[]; /* main.c; in the order of the help */
extern const int sg_n_commands;

int sg_cmd_run(int argc, char **argv);
int sg_cmd_generate(int argc, char **argv);
int sg_cmd_plan(int argc, char **argv);
int sg_cmd_submit(int argc, char **argv);
int sg_cmd_rehearse(int argc, char **argv);
int sg_cmd_status(int argc, char **argv);
int sg_cmd_explain(int argc, char **argv);
int sg_cmd_report(int argc, char **argv);
int sg_cmd_verify(int argc, char **argv);
int sg_cmd_merge(int argc, char **argv);
int sg_cmd_export(int argc, char **argv);
int sg_cmd_recording(int argc, char **argv);
int sg_cmd_bundle(int argc, char **argv);
int sg_cmd_train(int argc, char **argv);
int sg_cmd_predict(int argc, char **argv);
int sg_cmd_tokenize(int argc, char **argv);
int sg_cmd_settings(int argc, char **argv);
int sg_cmd_init(int argc, char **argv);
int sg_cmd_fetch(int argc, char **argv);
int sg_cmd_doctor(int argc, char **argv);
int sg_cmd_completion(int argc, char **argv);
int sg_cmd_manual(int argc, char **argv);

#endif
