/* YAML as JSON, where a setting's value goes on to somebody else as it is (generator.extra). */
#ifndef SG_EXPERIMENTS_STUDY_YAML_JSON_H
#define SG_EXPERIMENTS_STUDY_YAML_JSON_H

#include "experiments/study/yaml.h"

#include <jansson.h>

/* Local. What is written in quotes is text; `true`, `false`, `null`, numbers are what they look like (YAML 1.2's core schema, but for
 * octal and hexadecimal numbers, .inf and .nan, which are text). NULL without memory. */
json_t *sg_yaml_to_json(const struct sg_yaml *v);

#endif
