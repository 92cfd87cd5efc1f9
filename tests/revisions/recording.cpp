#include "revisions/recording.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace ferry::revisions {
namespace {

using nlohmann::json;

Step step_of(const json& value) {
  Step step;
  if (value.contains("transaction")) {
    step.commands = value.at("transaction");
  } else {
    step.commands.push_back(value.at("send"));
  }
  step.reads = value.at("reads");
  step.by_hand = value.value("by hand", false);
  step.until = value.value("until", false);
  step.await_due = value.contains("await");
  return step;
}

Scene scene_of(const json& value) {
  Scene scene;
  scene.name = value.at("name");
  if (value.contains("after")) scene.after = value.at("after");
  for (const json& step : value.at("steps")) scene.steps.push_back(step_of(step));
  scene.leaves = value.at("leaves");
  return scene;
}

}  // namespace

const Scene& Recording::scene(const std::string& role_and_name) const {
  const auto slash = role_and_name.find('/');
  const auto role = roles.find(role_and_name.substr(0, slash));
  if (role != roles.end()) {
    const auto found =
        std::ranges::find(role->second, role_and_name.substr(slash + 1), &Scene::name);
    if (found != role->second.end()) return *found;
  }
  throw std::out_of_range("revision " + std::to_string(revision) + " has no scene " +
                          role_and_name);
}

Recording read_recording(const std::filesystem::path& file) {
  try {
    std::ifstream in(file);
    const json value = json::parse(in);
    Recording recording;
    recording.revision = value.at("revision");
    recording.left = value.at("left");
    for (const auto& [role, scenes] : value.at("roles").items()) {
      for (const json& scene : scenes) recording.roles[role].push_back(scene_of(scene));
    }
    return recording;
  } catch (const json::exception& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

std::vector<Recording> all_recordings() {
  std::vector<Recording> recordings;
  for (const auto& file :
       std::filesystem::directory_iterator(FERRY_SOURCE_DIR "/tests/revisions")) {
    if (file.path().extension() == ".json") recordings.push_back(read_recording(file.path()));
  }
  std::ranges::sort(recordings, {}, &Recording::revision);
  return recordings;
}

}  // namespace ferry::revisions
