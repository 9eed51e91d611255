#!/bin/sh
set -eu
sudo mkdir -p "/srv/site/$VERSION"
echo "version $VERSION" | sudo tee "/srv/site/$VERSION/index.html"
